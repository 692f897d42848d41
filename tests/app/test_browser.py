"""The page in a real browser: what a visitor does, sees, and never sees."""

import time
from urllib.parse import quote

import pandas as pd
import pytest

pytest.importorskip("playwright.sync_api")
pytestmark = pytest.mark.browser
HAPPY = "I am so happy that you came!"


@pytest.fixture(params=[{}], ids=[""])
def page(request, chromium, app):
    """A page that was opened and answered; it fails the test on a console error or a request to another machine."""
    context = chromium.new_context(
        **{"viewport": {"width": 1280, "height": 900}, "accept_downloads": True, **request.param}
    )
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    opened = context.new_page()
    errors, outside = [], []
    opened.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    opened.on("pageerror", lambda error: errors.append(str(error)))
    opened.on(
        "request",
        lambda sent: outside.append(sent.url) if not sent.url.startswith((app.url, "data:", "blob:")) else None,
    )
    opened.on("dialog", lambda dialog: errors.append(f"dialog: {dialog.message}"))
    opened.set_default_timeout(30_000)
    opened.goto(app.url)
    opened.wait_for_selector("#words .word")
    yield opened
    context.close()
    assert errors == []
    assert outside == []


# The text that the words are shown of, without the numbers under them.
SHOWN = """() => {
    const words = document.querySelector('#words .words')?.cloneNode(true);
    words?.querySelectorAll('small').forEach(number => number.remove());
    return words?.textContent;
}"""


def read(page, text: str) -> None:
    """Type a text, press the button, wait until it is explained."""
    page.locator("#text textarea").fill(text)
    page.locator("#read").click()
    page.wait_for_function(f"text => ({SHOWN})() === text", arg=text)


def named(page, where: str = "#bars") -> list[str]:
    """The emotions that are named."""
    return page.locator(f"{where} .chip").all_inner_texts()


def test_a_text_is_typed_and_its_emotions_are_named_over_sorted_bars(page, reader):
    read(page, HAPPY)
    scores = dict(zip(reader.labels, reader.scores([HAPPY])[0].tolist(), strict=True))
    over = [label for label, limit in zip(reader.labels, reader.thresholds, strict=True) if scores[label] >= limit]
    assert sorted(named(page)) == sorted(over)
    shown = [float(score) for score in page.locator("#bars .bar .score").all_inner_texts()]
    assert shown == sorted(shown, reverse=True)
    first = page.locator("#bars .bar").first
    label = first.get_attribute("data-label")
    assert label == max(scores, key=scores.get)
    limit = reader.thresholds[reader.labels.index(label)]
    place = first.locator(".threshold").evaluate("tick => parseFloat(tick.style.left)")
    assert place == pytest.approx(100 * limit, abs=0.01)


def test_words_are_coloured_for_the_emotion_that_is_chosen(page):
    read(page, "Thank you so much, but I am afraid of dogs.")

    def strongest() -> str:
        words = page.locator("#words .word.for")
        strengths = words.evaluate_all("all => all.map(w => parseFloat(w.style.getPropertyValue('--strength')))")
        return words.nth(strengths.index(max(strengths))).evaluate("word => word.firstChild.textContent")

    page.locator("#emotion input").click()
    page.get_by_role("option", name="gratitude").click()
    page.wait_for_selector("#words .legend b:text('gratitude')")
    assert strongest() in ("Thank", "you")
    page.locator("#emotion input").click()
    page.get_by_role("option", name="fear", exact=True).click()
    page.wait_for_selector("#words .legend b:text('fear')")
    assert strongest() == "afraid"
    colours = page.locator("#words .word").evaluate_all("all => all.map(w => getComputedStyle(w).backgroundColor)")
    assert len(set(colours)) > 2
    assert page.locator("#parts .bar").count() == 3


def test_a_bar_that_is_clicked_chooses_its_emotion(page):
    read(page, HAPPY)
    bar = page.locator("#bars .bar").nth(1)
    label = bar.get_attribute("data-label")
    bar.click()
    page.wait_for_selector(f"#words .legend b:text('{label}')")
    assert page.locator("#emotion input").input_value() == label


def test_one_threshold_and_the_number_of_bars_change_the_answer(page):
    read(page, HAPPY)
    page.get_by_text("Thresholds and number of bars").click()
    page.locator("#top-k input[type=number]").fill("3")
    page.locator("#top-k input[type=number]").blur()
    page.wait_for_function("document.querySelectorAll('#bars .bar.under').length + 0 <= 3")
    page.locator("#own input").uncheck()
    slider = page.locator("#threshold input[type=number]")
    slider.wait_for()
    page.wait_for_function("!document.querySelector('#threshold input[type=number]').disabled")
    slider.fill("0.99")
    slider.blur()
    page.wait_for_function("[...document.querySelectorAll('#bars .threshold')].every(t => t.style.left === '99%')")
    assert len(page.locator("#bars .bar").all()) == 3


def test_everything_works_with_the_keyboard_alone(page):
    page.locator("#text textarea").focus()
    page.keyboard.press("Control+A")
    page.keyboard.type("What a horrible day.")
    page.keyboard.press("Enter")
    page.wait_for_function(f"({SHOWN})() === 'What a horrible day.'")
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.matches('#bars .bar:nth-child(2)')"):
            break
    else:
        raise AssertionError("The second bar cannot be reached with Tab.")
    label = page.evaluate("document.activeElement.dataset.label")
    page.keyboard.press("Enter")
    page.wait_for_selector(f"#words .legend b:text('{label}')")


def tab_to(page, selector: str) -> None:
    """Press Tab until an element has the focus."""
    for _ in range(40):
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"{selector} cannot be reached with Tab.")


def test_other_tabs_and_many_texts_are_reached_with_the_keyboard_alone(page):
    page.locator("#dark").focus()
    tab_to(page, "[role=tab][data-tab-id=many]")
    page.keyboard.press("Enter")
    page.locator("#lines textarea").wait_for()
    tab_to(page, "#lines textarea")
    page.keyboard.type("I love it!")
    page.keyboard.press("Enter")
    page.keyboard.type("I am scared.")
    tab_to(page, "#read-many")
    page.keyboard.press("Enter")
    page.wait_for_selector("#status .named:has-text('2 texts read in')")


def test_a_link_brings_the_text_back(page, app):
    read(page, HAPPY)
    page.locator("#copy-link").click()
    page.wait_for_function("location.search.includes('text=')")
    link = page.evaluate("navigator.clipboard.readText()")
    assert "text=I+am+so+happy" in link
    page.goto(f"{app.url}/?text={quote('I am afraid & <b>alone</b>.')}&emotion=sadness")
    page.wait_for_selector("#words .legend b:text('sadness')")
    assert page.locator("#text textarea").input_value() == "I am afraid & <b>alone</b>."


@pytest.mark.parametrize(
    "text",
    [
        "<img src=x onerror=alert(1)> <script>alert(2)</script> <b>bold</b>",
        "${alert(3)} {{value}} {% if %} &lt;i&gt;",
    ],
)
def test_what_is_typed_is_shown_as_text(page, text):
    read(page, text)
    assert page.evaluate(SHOWN) == text
    assert page.locator("#words .words img, #words .words b, #words .words script").count() == 0


def test_refusals_are_sentences_on_the_page(page):
    page.locator("#text textarea").fill("x" * 6000)
    page.locator("#read").click()
    page.wait_for_selector("#bars .refused:has-text('This text has 6,000 characters')")
    assert not page.locator("#words").is_visible()
    page.locator("#text textarea").fill("  ")
    page.locator("#read").click()
    page.wait_for_selector("#bars .refused:has-text('There is nothing to read yet')")


def open_many(page) -> None:
    """Go to the tab for many texts."""
    page.get_by_role("tab", name="Many texts").click()
    page.wait_for_selector("#lines textarea")


def upload(page, file) -> None:
    """Choose a file."""
    page.locator("#file input[type=file]").set_input_files(file)


def test_pasted_lines_become_a_table_a_distribution_and_downloads(page):
    open_many(page)
    page.locator("#lines textarea").fill("I love it!\n\n<b>no</b> =1+1\nI am scared.")
    page.locator("#read-many").click()
    page.wait_for_selector("#status .named:has-text('3 texts read in')")
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
    assert page.locator("#column input").input_value() == "comment"
    page.locator("#read-many").click()
    page.wait_for_selector("#status .named:has-text('of 10,000 texts read')")

    def done() -> int:
        return int(page.locator("#status .named b").inner_text().replace(",", ""))

    first = done()
    page.wait_for_function(f"parseInt(document.querySelector('#status .named b').innerText.replace(',', '')) > {first}")
    page.locator("#cancel").click()
    page.wait_for_selector("#status .hint:has-text('Cancelled')")
    time.sleep(1)
    assert page.locator("#status .hint:has-text('Cancelled')").count() == 1
    assert page.locator("#csv").is_disabled()

    upload(page, short)
    page.wait_for_selector("#status .hint:has-text('short.csv: 3 rows')")
    assert page.locator("#column input").input_value() == "words"
    page.locator("#read-many").click()
    page.wait_for_selector("#status .named:has-text('3 texts read in')")
    page.wait_for_selector("#csv:not([disabled])")
    with page.expect_download() as download:
        page.locator("#csv").click()
    result = pd.read_csv(download.value.path())
    assert result["text"].tolist() == ["What a joy!", "'=1+1", "I am afraid."]
    assert result["row"].tolist() == [1, 2, 3]
    with page.expect_download() as download:
        page.locator("#parquet").click()
    assert pd.read_parquet(download.value.path())["text"].tolist() == texts


def test_a_bad_upload_is_a_sentence_on_the_page(page, tmp_path):
    open_many(page)
    bad = tmp_path / "bad.csv"
    bad.write_bytes(b"PK\x03\x04 not a table")
    upload(page, bad)
    page.wait_for_selector("#status .refused:has-text('is a packed file')")


def test_two_models_are_compared_side_by_side(page):
    page.get_by_role("tab", name="Compare").click()
    page.locator("#compare-text textarea").fill(HAPPY)
    page.locator("#compare").click()
    page.wait_for_selector("#right .bar")
    assert page.locator("#left .model").inner_text() == "tiny"
    assert page.locator("#right .model").inner_text() == "strict"
    assert named(page, "#left") != named(page, "#right") == []
    assert "There is no emotion that both name." in page.locator("#differences").inner_text()


def test_the_model_tells_about_itself(page):
    page.get_by_role("tab", name="About").click()
    page.wait_for_selector("#facts .tile:has-text('macro F1')")
    pictures = page.locator("#figures img")
    assert pictures.count() == 3
    # Served as files, so they arrive after the page that names them.
    page.wait_for_function(
        "[...document.querySelectorAll('#figures img')].every(image => image.complete && image.naturalWidth > 200)"
    )
    assert "Not to be used to judge people" in page.locator("#limits").inner_text()
    page.locator("#by-label").get_by_text("gratitude").locator("visible=true").first.wait_for()


PHONE = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}


@pytest.mark.parametrize("page", [PHONE], ids=["phone"], indirect=True)
def test_a_phone_shows_every_tab_without_scrolling_sideways(page):
    for tab in ("One text", "Many texts", "Compare", "About"):
        found = page.get_by_role("tab", name=tab)
        found.click()
        page.wait_for_timeout(300)
        assert page.evaluate("document.documentElement.scrollWidth") <= 360, tab
    page.get_by_role("tab", name="One text").click()
    read(page, HAPPY)
    answer, examples = page.locator("#bars").bounding_box(), page.locator("#examples").bounding_box()
    assert answer["y"] < examples["y"]


def contrast(page, selector: str) -> float:
    """WCAG contrast of an element's text against the first opaque ground behind it."""
    return page.locator(selector).first.evaluate(
        """element => {
            const parse = (colour) => colour.match(/[\\d.]+/g).map(Number);
            const light = ([r, g, b]) => [r, g, b].map(v => v / 255).map(v => v <= 0.03928 ? v / 12.92 :
                ((v + 0.055) / 1.055) ** 2.4).reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
            let ground = element;
            while (ground) {
                const colour = parse(getComputedStyle(ground).backgroundColor);
                if (colour.length === 3 || colour[3] === 1) break;
                ground = ground.parentElement;
            }
            const [a, b] = [light(parse(getComputedStyle(element).color)),
                light(parse(getComputedStyle(ground ?? document.body).backgroundColor))];
            return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
        }"""
    )


@pytest.mark.parametrize(
    "page", [{"color_scheme": "light"}, {"color_scheme": "dark"}], ids=["light", "dark"], indirect=True
)
def test_light_and_dark_follow_the_reader_and_stay_legible(page, request):
    dark = request.node.callspec.params["page"]["color_scheme"] == "dark"
    assert page.evaluate("document.body.classList.contains('dark')") is dark
    for selector in ("#bars .chip", "#bars .bar.over .label", "#bars .legend", "#title h1", "#words .words"):
        assert contrast(page, selector) >= 4.5, selector
    page.locator("#dark").click()
    assert page.evaluate("document.body.classList.contains('dark')") is not dark
    for selector in ("#bars .chip", "#bars .bar.under .label", "#bars .legend", "#privacy p"):
        assert contrast(page, selector) >= 4.5, selector
