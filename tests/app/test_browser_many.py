"""Many texts in a real browser: pasted, uploaded, cancelled, downloaded."""

import time

import numpy as np
import pandas as pd
import pytest
from scipy.special import logit

from tables.formulas import harmless

pytest.importorskip("playwright.sync_api")
from tests.app.pages import expect, open_many, settle, tab_to, upload
from tests.tables.files import xlsx
from training.arguments import parse

pytestmark = pytest.mark.browser


def test_other_tabs_and_many_texts_are_reached_with_the_keyboard_alone(page):
    page.locator("#dark").focus()
    tab_to(page, "[role=tab][data-tab-id=many]")
    page.keyboard.press("Enter")
    settle(page, "#lines textarea", "#read-many")
    tab_to(page, "#lines textarea")
    page.keyboard.type("I love it!")
    page.keyboard.press("Enter")
    page.keyboard.type("I am scared.")
    tab_to(page, "#read-many")
    page.keyboard.press("Enter")
    expect(page.locator("#status .predicted")).to_contain_text("2 texts read in")


def test_pasted_lines_become_a_table_a_distribution_and_downloads(page):
    open_many(page)
    page.locator("#lines textarea").fill("I love it!\n\n<b>no</b> =1+1\nI am scared.")
    page.locator("#read-many").click()
    page.wait_for_selector("#status .predicted:has-text('3 texts read in')")
    page.locator("#table").get_by_text("<b>no</b> =1+1").locator("visible=true").first.wait_for()
    assert page.locator("#status .bar").count() >= 1


def test_a_csv_is_uploaded_watched_cancelled_and_another_one_downloaded(page, tmp_path):
    long, short = tmp_path / "long.csv", tmp_path / "short.csv"
    texts = [f"I feel number {i} today, my friend. " * 12 for i in range(10_000)]
    pd.DataFrame({"n": range(10_000), "comment": texts}).to_csv(long, index=False)
    texts = ["What a joy!", "=1+1", "I am afraid."]
    pd.DataFrame({"id": [1, 2, 3], "words": texts, "other": ["a", "b", "c"]}).to_csv(short, index=False)
    open_many(page)
    upload(page, long)
    page.wait_for_selector("#status .hint:has-text('long.csv: 10,000 rows')")
    expect(page.locator("#column input")).to_have_value("comment")
    page.locator("#read-many").click()
    page.wait_for_selector("#status .predicted:has-text('of 10,000 texts read')")

    def done() -> int:
        return int(page.locator("#status .predicted b").inner_text().replace(",", ""))

    first = done()
    page.wait_for_function(
        f"parseInt(document.querySelector('#status .predicted b').innerText.replace(',', '')) > {first}"
    )
    page.locator("#cancel").click()
    page.wait_for_selector("#status .hint:has-text('Cancelled')")
    time.sleep(1)
    assert page.locator("#status .hint:has-text('Cancelled')").count() == 1
    expect(page.locator("#csv")).to_be_disabled()

    upload(page, short)
    page.wait_for_selector("#status .hint:has-text('short.csv: 3 rows')")
    expect(page.locator("#column input")).to_have_value("words")
    page.locator("#read-many").click()
    page.wait_for_selector("#status .predicted:has-text('3 texts read in')")
    page.wait_for_selector("#csv:not([disabled])")
    with page.expect_download() as download:
        page.locator("#csv").click()
    result = pd.read_csv(download.value.path())
    assert result["text"].tolist() == ["What a joy!", "'=1+1", "I am afraid."]
    assert result["row"].tolist() == [1, 2, 3]
    with page.expect_download() as download:
        page.locator("#parquet").click()
    assert pd.read_parquet(download.value.path())["text"].tolist() == texts


def test_labels_are_put_right_with_the_keyboard_least_sure_first_and_train_reads_the_saved_rows(page, reader, tmp_path):
    texts = [f"{beginning} {number}" for number in range(4) for beginning in ("=1+1", "I love it!", "I am scared.")]
    open_many(page)
    page.locator("#lines textarea").fill("\n".join(texts))
    page.locator("#read-many").click()
    settle(page, "#reviewed .reviewed", "#order", "#save")
    tab_to(page, "#order input[value='Least sure first']")
    page.keyboard.press("Space")
    scores = reader.scores(texts)
    limits = np.array(reader.thresholds)
    order = np.abs(logit(scores) - logit(limits)).min(axis=1).argsort(kind="stable").tolist()
    expect(page.locator("#reviewed .reviewed")).to_have_text(texts[order[0]])
    expected = {
        text: {reader.labels[i] for i in np.flatnonzero(row >= limits)} for text, row in zip(texts, scores, strict=True)
    }

    # A label more for the first row.
    added = next(label for label in reader.labels if label not in expected[texts[order[0]]])
    expected[texts[order[0]]].add(added)
    tab_to(page, "#right-labels input")
    page.keyboard.type(added)
    page.keyboard.press("Enter")
    tab_to(page, "#save")
    page.keyboard.press("Enter")
    expect(page.locator("#saved")).to_contain_text("1 corrected, 0 confirmed")
    # The button keeps the focus; the others are confirmed, all but one.
    for done, row in enumerate(order[1:-1], start=1):
        expect(page.locator("#reviewed .reviewed")).to_have_text(texts[row])
        page.keyboard.press("Enter")
        expect(page.locator("#saved")).to_contain_text(f"1 corrected, {done} confirmed")
    del expected[texts[order[-1]]]

    for kind in ("csv", "parquet"):
        with page.expect_download() as download:
            page.locator(f"#labelled-{kind}").click()
        file = tmp_path / f"saved.{kind}"
        download.value.save_as(file)
        data = parse(["--dataset", str(file)]).data.load()
        names = data["train"].features["labels"].feature.names
        found = {row["text"]: {names[i] for i in row["labels"]} for split in data.values() for row in split}
        assert found == {harmless(text) if kind == "csv" else text: names for text, names in expected.items()}


def test_a_row_of_the_table_is_chosen_with_the_mouse_or_with_arrows_and_enter_whatever_it_is_sorted_by(page):
    open_many(page)
    page.locator("#lines textarea").fill("I love it!\nI am scared.\nWhy?")
    page.locator("#read-many").click()
    settle(page, "#reviewed .reviewed", "#table [data-testid=cell-1-1]", "#save")
    page.locator("#table [data-testid=cell-1-1]").click()
    expect(page.locator("#reviewed")).to_contain_text("I am scared.")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.locator("#reviewed")).to_contain_text("Why?")
    page.locator("#save").click()
    expect(page.locator("#table [data-testid=cell-2-4]")).to_have_text("confirmed")
    page.locator("#table [data-testid=header-0]").hover()
    page.locator("#table [data-testid=header-0] .cell-menu-button").click()
    page.get_by_role("menuitem", name="Sort descending").click()
    first = page.locator("#table [role=gridcell][aria-rowindex='2']")
    expect(first.nth(0)).to_have_text("3")
    first.nth(1).click()
    expect(page.locator("#reviewed .mark")).to_have_text("confirmed")
    page.locator("#undo").click()
    expect(page.locator("#reviewed .mark")).to_have_count(0)
    expect(page.locator("#labelled-csv")).to_be_disabled()


def test_a_file_without_a_header_gets_the_names_that_were_typed_before(page, tmp_path):
    file = tmp_path / "train.txt"
    file.write_text("so glad you came;joy\nnobody called again;sadness\nso glad we met;joy\n", encoding="utf-8")
    open_many(page)
    page.get_by_role("button", name="The file's first line names no columns").click()
    settle(page, "#column-names input, #column-names textarea")
    page.locator("#column-names input, #column-names textarea").first.fill("said, emotion")
    upload(page, file)
    page.wait_for_selector("#status .hint:has-text('train.txt: 3 rows')")
    expect(page.locator("#column input")).to_have_value("said")


def test_the_page_says_which_sheet_of_a_workbook_was_taken(page, tmp_path):
    file = tmp_path / "two.xlsx"
    file.write_bytes(xlsx(First=[["text"], ["so glad"]], Second=[["text"], ["no"]]))
    open_many(page)
    upload(page, file)
    page.wait_for_selector("#status .hint:has-text(\"two.xlsx, sheet 'First': 1 row\")")


def test_a_bad_upload_is_a_sentence_on_the_page(page, tmp_path):
    open_many(page)
    bad = tmp_path / "bad.csv"
    bad.write_bytes(b"PK\x03\x04 not a table")
    upload(page, bad)
    expect(page.locator("#status .refused")).to_contain_text("is a packed file")
