"""What the browser's tests do on a page: read a text, wait, look."""

from playwright.sync_api import Page, expect

HAPPY = "I am so happy that you came!"
expect.set_options(timeout=30_000)

# The text that the words are shown of, without the numbers under them.
SHOWN = """() => {
    const words = document.querySelector('#words .words')?.cloneNode(true);
    words?.querySelectorAll('small').forEach(number => number.remove());
    return words?.textContent;
}"""


def read(page: Page, text: str) -> None:
    """Type a text, press the button, wait until it is explained."""
    page.locator("#text textarea").fill(text)
    page.locator("#read").click()
    page.wait_for_function(f"text => ({SHOWN})() === text", arg=text)


def settle(page: Page, *selectors: str) -> None:
    """Wait until gradio has done with what it shows for the first time.

    It builds the inside of a closed accordion or tab when that is opened, and one animation frame later gives every
    part there its first value once more: what is typed before that frame is lost. No person is that fast; a test is.
    """
    for selector in selectors:
        page.locator(selector).wait_for()
    page.evaluate(
        """async () => {
            for (let frame = 0; frame < 3; frame++) await new Promise(done => requestAnimationFrame(done));
        }"""
    )


def predicted(page: Page, where: str = "#bars") -> list[str]:
    """The emotions that are predicted."""
    return page.locator(f"{where} .chip").all_inner_texts()


def tab_to(page: Page, selector: str) -> None:
    """Press Tab until an element has the focus."""
    for _ in range(40):
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"{selector} cannot be reached with Tab.")


def open_many(page: Page) -> None:
    """Go to the tab for many texts."""
    page.get_by_role("tab", name="Many texts").click()
    settle(page, "#lines textarea", "#read-many")


def upload(page: Page, file) -> None:
    """Choose a file."""
    page.locator("#file input[type=file]").set_input_files(file)


def contrast(page: Page, selector: str) -> float:
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
