"""One text in a real browser: what a visitor does, sees, and never sees."""

from urllib.parse import quote

import pytest

pytest.importorskip("playwright.sync_api")
from tests.app.pages import HAPPY, SHOWN, expect, predicted, read, settle

pytestmark = pytest.mark.browser


def test_a_text_is_typed_and_its_emotions_are_named_over_sorted_bars(page, reader):
    read(page, HAPPY)
    scores = dict(zip(reader.labels, reader.scores([HAPPY])[0].tolist(), strict=True))
    over = [label for label, limit in zip(reader.labels, reader.thresholds, strict=True) if scores[label] >= limit]
    assert sorted(predicted(page)) == sorted(over)
    shown = [float(score) for score in page.locator("#bars .bar .score").all_inner_texts()]
    assert shown == sorted(shown, reverse=True)
    first = page.locator("#bars .bar").first
    label = first.get_attribute("data-label")
    assert label == max(scores, key=scores.get)
    limit = reader.thresholds[reader.labels.index(label)]
    place = first.locator(".threshold").evaluate("tick => parseFloat(tick.style.left)")
    assert place == pytest.approx(100 * limit, abs=0.01)


def test_a_text_that_is_sent_while_another_is_explained_is_the_one_that_stays(page):
    page.locator("#text textarea").fill("The weekend was lovely, although my brother forgot the cake again. " * 70)
    page.locator("#read").click()
    page.wait_for_timeout(100)
    page.locator("#text textarea").fill("I hate this horrible day.")
    page.locator("#read").click()
    page.wait_for_function(f"({SHOWN})() === 'I hate this horrible day.'")
    first = page.locator("#bars .bar").first.get_attribute("data-label")
    page.wait_for_timeout(3000)
    assert page.evaluate(SHOWN) == "I hate this horrible day."
    page.get_by_text("Thresholds and number of bars").click()
    settle(page, "#own input", "#threshold input[type=number]", "#top-k input[type=number]")
    best = [bar.get_attribute("data-label") for bar in page.locator("#bars .bar").all()[:3]]
    page.locator("#top-k input[type=number]").fill("3")
    page.locator("#top-k input[type=number]").blur()
    # A predicted label has a bar in any case, though three others score higher.
    expect(page.locator("#bars .bar")).to_have_count(len({*best, *predicted(page)}))
    assert page.locator("#bars .bar").first.get_attribute("data-label") == first


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
    expect(page.locator("#emotion input")).to_have_value(label)


def test_one_threshold_and_the_number_of_bars_change_the_answer(page):
    read(page, HAPPY)
    assert page.locator("#bars .bar").count() > 3
    page.get_by_text("Thresholds and number of bars").click()
    slider, number = page.locator("#threshold input[type=number]"), page.locator("#top-k input[type=number]")
    settle(page, "#own input", "#threshold input[type=number]", "#top-k input[type=number]")
    number.fill("12")
    number.blur()
    expect(page.locator("#bars .bar")).to_have_count(12)
    page.locator("#own input").uncheck()
    expect(slider).to_be_enabled()
    slider.fill("0.99")
    slider.blur()
    page.wait_for_function("[...document.querySelectorAll('#bars .threshold')].every(t => t.style.left === '99%')")
    expect(page.locator("#bars .bar")).to_have_count(12)
    number.fill("3")  # labels that are predicted have a bar in any case: none reaches 0.99
    number.blur()
    expect(page.locator("#bars .bar")).to_have_count(3)


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
    expect(page.locator("#words .legend b")).to_have_text(label)


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
