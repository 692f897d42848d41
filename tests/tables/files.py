"""One small table as a file of every format."""

import bz2
import contextlib
import gzip
import io
import json
import sqlite3
import zipfile
from collections.abc import Sequence
from xml.sax.saxutils import escape

import pandas as pd
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq

ROWS = [("007", "so glad, really"), ("two", 'she said "no"'), ("three", "null")]
COLUMNS = {"id": [key for key, _ in ROWS], "text": [text for _, text in ROWS]}
FRAME = pd.DataFrame(COLUMNS)
TABLE = pa.table(COLUMNS)


def delimited(sign: str) -> bytes:
    return FRAME.to_csv(index=False, sep=sign).encode()


def parquet(table: pa.Table = TABLE) -> bytes:
    packed = io.BytesIO()
    pq.write_table(table, packed)
    return packed.getvalue()


def arrow(table: pa.Table = TABLE, stream: bool = False, compression: str | None = None) -> bytes:
    packed = io.BytesIO()
    options = pa.ipc.IpcWriteOptions(compression=compression)
    with (pa.ipc.new_stream if stream else pa.ipc.new_file)(packed, table.schema, options=options) as writer:
        writer.write_table(table)
    return packed.getvalue()


def feather() -> bytes:
    packed = io.BytesIO()
    pyarrow.feather.write_feather(TABLE, packed)
    return packed.getvalue()


def sqlite(**tables: pd.DataFrame) -> bytes:
    with contextlib.closing(sqlite3.connect(":memory:")) as database:
        for name, frame in (tables or {"posts": FRAME}).items():
            frame.to_sql(name, database, index=False)
        return database.serialize()


def zipped(**files: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name.replace("__", "."), content)
    return packed.getvalue()


def xlsx(**sheets: Sequence[Sequence[object]]) -> bytes:
    """A workbook with the parts that a reader needs; a string is kept once, as Excel does it."""
    sheets = sheets or {"Posts": [list(COLUMNS), *ROWS]}
    spreadsheet = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    relations = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006"
    shared: dict[str, int] = {}

    def cell(value: object) -> str:
        if isinstance(value, str):
            return f'<c t="s"><v>{shared.setdefault(value, len(shared))}</v></c>'
        return "<c/>" if value is None else f"<c><v>{value}</v></c>"

    parts = {}
    for number, rows in enumerate(sheets.values(), start=1):
        lines = "".join(f"<row>{''.join(map(cell, row))}</row>" for row in rows)
        parts[f"xl/worksheets/sheet{number}.xml"] = (
            f'<worksheet xmlns="{spreadsheet}"><sheetData>{lines}</sheetData></worksheet>'
        )
    names = "".join(f'<sheet name="{name}" sheetId="{n}" r:id="r{n}"/>' for n, name in enumerate(sheets, start=1))
    links = "".join(
        f'<Relationship Id="r{n}" Type="{relations}/worksheet" Target="worksheets/sheet{n}.xml"/>'
        for n in range(1, len(sheets) + 1)
    )
    texts = "".join(f'<si><t xml:space="preserve">{escape(text)}</t></si>' for text in shared)
    parts |= {
        "[Content_Types].xml": f'<Types xmlns="{package}/content-types"/>',
        "_rels/.rels": f'<Relationships xmlns="{package}/relationships"><Relationship Id="r1" '
        f'Type="{relations}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{spreadsheet}" xmlns:r="{relations}"><sheets>{names}</sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{package}/relationships">{links}<Relationship Id="s" '
        f'Type="{relations}/sharedStrings" Target="sharedStrings.xml"/></Relationships>',
        "xl/sharedStrings.xml": f'<sst xmlns="{spreadsheet}">{texts}</sst>',
    }
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return packed.getvalue()


LINES = FRAME.to_json(orient="records", lines=True).encode()
# Name of a file to its content: each holds ROWS.
EVERY = {
    "comma.csv": delimited(","),
    "semicolon.csv": delimited(";"),
    "bar.csv": delimited("|"),
    "tab.csv": delimited("\t"),
    "excel.csv": b"sep=;\r\n" + delimited(";"),
    "mark.csv": "\ufeff".encode() + delimited(","),
    "old_mac.csv": delimited(",").replace(b"\n", b"\r"),
    "plain.tsv": b"id\ttext\n" + "\n".join("\t".join(row) for row in ROWS).encode(),
    "quoted.tsv": delimited("\t"),
    "comma.txt": delimited(","),
    "tab.txt": delimited("\t"),
    "tab.train": delimited("\t"),
    "comma.valid": delimited(","),
    "records.json": FRAME.to_json(orient="records").encode(),
    "pretty.json": FRAME.to_json(orient="records", indent=2).encode(),
    "columns.json": FRAME.to_json().encode(),
    "index.json": FRAME.to_json(orient="index").encode(),
    "split.json": FRAME.to_json(orient="split").encode(),
    "table.json": FRAME.to_json(orient="table", index=False).encode(),
    "lists.json": json.dumps(COLUMNS).encode(),
    "lines.json": LINES,
    "lines.jsonl": LINES,
    "lines.ndjson": LINES,
    "a.parquet": parquet(),
    "a.arrow": arrow(),
    "stream.arrow": arrow(stream=True),
    "packed.arrow": arrow(compression="zstd"),
    "a.feather": feather(),
    "a.xlsx": xlsx(),
    "a.db": sqlite(),
    "a.sqlite": sqlite(),
    "a.csv.gz": gzip.compress(delimited(","), mtime=0),
    "a.jsonl.bz2": bz2.compress(LINES),
    "a.zip": zipped(posts__csv=delimited(","), readme__txt=b"about"),
    "a.parquet.gz": gzip.compress(parquet(), mtime=0),
    "b.zip": zipped(posts__xlsx=xlsx()),
}
