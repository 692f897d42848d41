"""The page as a whole in a real browser: two models, the model's own page, a phone, light and dark."""

import pytest

pytest.importorskip("playwright.sync_api")
from tests.app.pages import HAPPY, contrast, expect, predicted, read, settle

pytestmark = pytest.mark.browser


def test_two_models_are_compared_side_by_side(page):
    page.get_by_role("tab", name="Compare").click()
    settle(page, "#compare-text textarea", "#compare")
    page.locator("#compare-text textarea").fill(HAPPY)
    page.locator("#compare").click()
    expect(page.locator("#left .model")).to_have_text("tiny")
    expect(page.locator("#right .model")).to_have_text("strict")
    expect(page.locator("#differences")).to_contain_text("There is no emotion that both name.")
    assert predicted(page, "#left") != predicted(page, "#right") == []


def test_the_model_tells_about_itself(page):
    page.get_by_role("tab", name="About").click()
    page.wait_for_selector("#facts .tile:has-text('macro F1')")
    pictures = page.locator("#figures img")
    expect(pictures).to_have_count(3)
    # Served as files, so they arrive after the page that names them.
    page.wait_for_function(
        "[...document.querySelectorAll('#figures img')].every(image => image.complete && image.naturalWidth > 200)"
    )
    expect(page.locator("#limits")).to_contain_text("Not to be used to judge people")
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


@pytest.mark.parametrize(
    "page", [{"color_scheme": "light"}, {"color_scheme": "dark"}], ids=["light", "dark"], indirect=True
)
def test_light_and_dark_follow_the_reader_and_stay_legible(page, request):
    dark = request.node.callspec.params["page"]["color_scheme"] == "dark"
    page.wait_for_function("dark => document.body.classList.contains('dark') === dark", arg=dark)
    for selector in ("#bars .chip", "#bars .bar.over .label", "#bars .legend", "#title h1", "#words .words"):
        assert contrast(page, selector) >= 4.5, selector
    page.locator("#dark").click()
    page.wait_for_function("dark => document.body.classList.contains('dark') !== dark", arg=dark)
    for selector in ("#bars .chip", "#bars .bar.under .label", "#bars .legend", "#privacy p"):
        assert contrast(page, selector) >= 4.5, selector
