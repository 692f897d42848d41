"""Files that visitors choose: read into memory, and taken off the disk at once."""

import threading
from collections import OrderedDict
from pathlib import Path

from .limits import RefusalError
from .tables import Table, read_table


class JustUploaded:
    """Uploads are taken off the disk when they are first read. gradio names them after their content, so that of two
    visitors with the same file one would find it gone: for some seconds it is remembered.

    Args:
        files: Remembered at a time.
        seconds: How long.
    """

    def __init__(self, files: int = 4, seconds: float = 20.0):
        self.files, self.seconds = files, seconds
        self._guard = threading.Lock()
        self._kept: OrderedDict[Path, bytes] = OrderedDict()

    def take(self, path: Path) -> bytes:
        """The content of a file, which is then gone from the disk.

        Raises:
            FileNotFoundError: it was taken too long ago.
        """
        with self._guard:
            try:
                data = path.read_bytes()
                path.unlink()
            except FileNotFoundError:
                if path not in self._kept:
                    raise
                return self._kept[path]
            self._kept[path] = data
            while len(self._kept) > self.files:
                self._kept.popitem(last=False)
        forget = threading.Timer(self.seconds, self._kept.pop, (path, None))
        forget.daemon = True
        forget.start()
        return data


just_uploaded = JustUploaded()


def take_upload(upload: dict | None, column_names: str | None = None) -> Table:
    """Read an upload into memory and remove it from the disk at once.

    Args:
        upload: What gradio says of a file that it has found to be this visitor's upload: `path` and `orig_name`.
        column_names: Names of its columns, separated by commas, where its first line is a row of data.

    Raises:
        RefusalError: there is no upload, or it cannot be read.
    """
    if upload is None:
        raise RefusalError("There is no file: choose one first.")
    path = Path(upload["path"])
    name = upload.get("orig_name") or path.name
    try:
        data = just_uploaded.take(path)
    except FileNotFoundError:
        raise RefusalError(f"'{name[:80]}' is no longer here, as uploads are not kept: choose it again.") from None
    return read_table(name, data, [part.strip() for part in (column_names or "").split(",") if part.strip()] or None)
