"""The page in a real browser: drawn by pointer and by keyboard, fed a picture, and open to everybody."""

import os
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image, ImageDraw
from playwright.sync_api import expect

from browser import chromium, in_a_browser
from drawing import placed

pytestmark = [pytest.mark.slow, in_a_browser]
SCREENSHOTS = os.environ.get("DIGITLAB_SCREENSHOTS")
SIZES = {"desk": (1280, 900), "phone": (390, 844), "projector": (1920, 1080)}


@pytest.fixture(scope="module")
def browser():
    with chromium() as opened:
        yield opened


@pytest.fixture
def open_page(browser, server):
    """Open the page; at the end, nothing was asked of other addresses and no script failed."""
    pages, failures, elsewhere = [], [], []

    def visit(size="desk", **options):
        width, height = SIZES[size]
        page = browser.new_page(viewport={"width": width, "height": height}, **options)
        page.on("pageerror", lambda error: failures.append(str(error)))
        page.on("request", lambda request: elsewhere.append(request.url))
        page.goto(server.address)
        expect(page.locator("#model")).to_contain_text("Read by")
        pages.append(page)
        return page

    yield visit
    for page in pages:
        page.close()
    assert failures == []
    assert [url for url in elsewhere if not url.startswith((server.address, "data:", "blob:"))] == []


def draw(page, text, size=None):
    """Draw digits side by side, by pointer events."""
    box = page.locator("#canvas").bounding_box()
    room = box["width"] / len(text)
    size = size or min(0.8 * box["height"], 0.9 * room)
    for index, digit in enumerate(text):
        left = box["x"] + room * (index + 0.5) - size / 2
        for stroke in placed(digit, left, box["y"] + (box["height"] - size) / 2, size):
            page.mouse.move(*stroke[0])
            page.mouse.down()
            # Every second point: each costs 30 ms, since the browser paints the page, without a graphics processor.
            for point in (*stroke[2:-1:2], stroke[-1]):
                page.mouse.move(*point)
            page.mouse.up()


def keep(page, name):
    """A screenshot, where somebody asked for them."""
    if SCREENSHOTS:
        Path(SCREENSHOTS).mkdir(parents=True, exist_ok=True)
        page.screenshot(path=str(Path(SCREENSHOTS) / f"{name}.png"), full_page=True)


@pytest.mark.parametrize("digit", "0123456789")
def test_a_drawn_digit_is_read(open_page, digit):
    page = open_page()
    draw(page, digit)
    expect(page.locator("#text")).to_have_text(digit)
    expect(page.locator(".box")).to_have_count(1)
    expect(page.locator("#digits li:not(.unreadable)")).to_have_count(1)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_number_is_read_with_boxes_and_ten_bars_each(open_page, size, scheme):
    page = open_page(size, color_scheme=scheme)
    draw(page, "2048")
    expect(page.locator("#text")).to_have_text("2048")
    assert page.locator(".box").evaluate_all("boxes => boxes.map(box => box.dataset.label)") == list("2048")
    for card in page.locator("#digits li").all():
        assert card.locator("dt").count() == 10
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    keep(page, f"number-{size}-{scheme}")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_barrier(open_page, scheme):
    page = open_page(color_scheme=scheme)
    assert Axe().run(page).violations_count == 0
    draw(page, "25")
    expect(page.locator("#text")).to_have_text("25")
    results = Axe().run(page)
    assert results.violations_count == 0, results.generate_report()


def test_undo_takes_back_a_stroke_and_clear_all_of_them(open_page):
    page = open_page()
    expect(page.locator("#undo")).to_be_disabled()
    draw(page, "17")
    expect(page.locator("#text")).to_have_text("17")
    page.click("#undo")
    expect(page.locator("#text")).to_have_text("1")
    page.keyboard.press("c")
    expect(page.locator("#text")).to_have_text("–")
    expect(page.locator("#clear")).to_be_disabled()


def test_a_digit_is_drawn_by_keyboard(open_page):
    page = open_page()
    page.focus("#canvas")
    for key in ("ArrowUp",) * 14 + (" ",) + ("ArrowDown",) * 26 + (" ",):
        page.keyboard.press(key)
    expect(page.locator("#text")).to_have_text("1")
    page.keyboard.press("u")
    expect(page.locator("#text")).to_have_text("–")


def test_a_scribble_is_said_to_be_no_digit(open_page):
    page = open_page()
    box = page.locator("#canvas").bounding_box()
    page.mouse.move(box["x"] + 150, box["y"] + 100)
    page.mouse.down()
    for x, y in [(330, 330), (140, 220), (360, 140), (180, 340), (260, 90), (350, 250), (150, 300), (320, 100)]:
        page.mouse.move(box["x"] + x, box["y"] + y, steps=6)
    page.mouse.up()
    expect(page.locator("#note")).to_contain_text("not look like a digit")
    expect(page.locator("#digits li.unreadable").first).to_be_visible()
    keep(page, "scribble")


def test_a_picture_is_uploaded_and_read(open_page, tmp_path):
    picture = Image.new("L", (420, 200), 210)
    for index, digit in enumerate("365"):
        for stroke in placed(digit, 20 + 130 * index, 30, 130):
            ImageDraw.Draw(picture).line(stroke, fill=50, width=9, joint="curve")
    picture.save(tmp_path / "days.jpg")
    page = open_page()
    page.set_input_files("#file", tmp_path / "days.jpg")
    expect(page.locator("#text")).to_have_text("365")
    expect(page.locator(".box")).to_have_count(3)
    keep(page, "picture")
    (tmp_path / "no.png").write_text("no picture")
    page.set_input_files("#file", tmp_path / "no.png")
    expect(page.locator("#note")).to_contain_text("expected a picture")


def test_a_server_with_a_key_asks_for_it(browser, start_server):
    server = start_server("--quiet", env={"DIGITLAB_API_KEY": "s3cret"})
    page = browser.new_page()
    page.goto(server.address)
    page.fill("#key", "s3cret")
    page.click("#key-dialog button")
    expect(page.locator("#model")).to_contain_text("Read by")
    draw(page, "7")
    expect(page.locator("#text")).to_have_text("7")
    page.close()
