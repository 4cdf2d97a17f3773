"""Pages in a real browser: its console stays silent, pictures are drawn, one can search, sort and choose a theme."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from levada.reports import (
    EvaluationReport,
    StudyReport,
    comparison_report,
    page_of,
    profile_report,
    validation_report,
)
from tests.evaluation.results import results
from tests.reports.samples import EVIL, two_sides
from tests.reports.test_pages import ANOMALIES
from tests.reports.test_study import document

pytestmark = pytest.mark.browser

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
CONTRAST = """() => {
  const rgb = text => text.match(/[\\d.]+/g).map(Number);
  const linear = part => part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  const light = colour => {
    const [r, g, b] = colour.slice(0, 3).map(part => linear(part / 255));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = place => {
    for (; place; place = place.parentElement) {
      const colour = rgb(getComputedStyle(place).backgroundColor);
      if (colour.length < 4 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  const low = [];
  for (const place of document.querySelectorAll("header *, main *")) {
    if (!Array.from(place.childNodes).some(node => node.nodeType === 3 && node.data.trim())) continue;
    const [one, two] = [rgb(getComputedStyle(place).color), behind(place)].map(light).sort((a, b) => b - a);
    const contrast = (one + 0.05) / (two + 0.05);
    if (contrast < 4.5) low.push([place.tagName, place.className, place.textContent.slice(0, 30), contrast]);
  }
  return low;
}"""
"""Every element with text of its own that stands out from what is behind it by less than 4.5 to 1."""

PHONE, DESKTOP = 320, 1280


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    if CHROMIUM is None:
        pytest.skip("there is no Chromium on this machine")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The pages of all kinds, as files."""
    folder = tmp_path_factory.mktemp("pages")
    sides = two_sides(folder)
    reports = {
        "profile": profile_report(sides, title="a profile"),
        "comparison": comparison_report(*sides, title="a comparison"),
        "validation": validation_report(ANOMALIES, sides, title="a validation"),
        "study": StudyReport("a study", [EVIL], document()),
        "evaluation": EvaluationReport("an evaluation", ["run 7f3a"], results(EVIL), (), is_open=False),
    }
    for name, report in reports.items():
        (folder / f"{name}.html").write_text(page_of(report), encoding="utf-8")
    return {name: folder / f"{name}.html" for name in reports}


class Shown:
    """A page that is looked at: what it said on the console, what it asked for."""

    def __init__(self, browser: Any, page: Path, width: int = DESKTOP, scheme: str = "light") -> None:
        self.context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)
        self.page = self.context.new_page()
        self.said: list[str] = []
        self.asked: list[str] = []
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(page.as_uri())

    def __enter__(self) -> Any:
        return self.page

    def __exit__(self, *_: object) -> None:
        asked = [address for address in self.asked if not address.startswith("file:")]
        self.context.close()
        assert (self.said, asked) == ([], [])


def shown_cards(page: Any) -> list[str]:
    return page.evaluate("Array.from(document.querySelectorAll('.card:not([hidden]) h3'), h => h.textContent)")


def background(page: Any) -> str:
    return page.evaluate("getComputedStyle(document.body).backgroundColor")


@pytest.mark.parametrize("kind", ["profile", "comparison", "validation", "study", "evaluation"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [PHONE, DESKTOP])
def test_a_page_fits_its_window_and_draws_what_is_in_sight(
    browser: Any, pages: dict[str, Path], kind: str, scheme: str, width: int
) -> None:
    with Shown(browser, pages[kind], width, scheme) as page:
        page.wait_for_selector("#data", state="attached")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        place = page.locator(".card > figure .plot").first
        if kind == "study":
            assert page.locator("figure svg").first.evaluate("place => place.getBoundingClientRect().width") > 250
        elif kind == "evaluation":
            assert page.locator("svg.plane").count() == 3
            assert page.locator("svg.plane").first.bounding_box()["width"] > 0.7 * min(width, 300)
        elif kind != "validation":
            place.scroll_into_view_if_needed()
            place.locator("canvas").wait_for(state="attached")
            assert place.evaluate("place => place.querySelector('canvas').getBoundingClientRect().width") > 0.8 * min(
                width, 300
            )
        light = [int(part) for part in background(page)[4:-1].split(",")]
        assert (sum(light) > 380) == (scheme == "light")
        assert page.title() != "owned"


def test_searching_leaves_the_columns_that_fit(browser: Any, pages: dict[str, Path]) -> None:
    with Shown(browser, pages["profile"]) as page:
        everything = shown_cards(page)
        assert len(everything) == 15 and EVIL in everything
        page.fill("#search", "clock")
        assert shown_cards(page) == ["clock"]
        assert page.inner_text("#count") == "1 of 15 columns"
        page.fill("#search", "INT64 month")
        assert shown_cards(page) == ["month"]
        page.fill("#search", "</script>")
        assert shown_cards(page) == [EVIL]
        page.fill("#search", "no such column")
        assert shown_cards(page) == [] and page.is_visible("#none")
        page.press("#search", "Enter")  # a form, and it sends nothing
        page.fill("#search", "")
        assert shown_cards(page) == everything
        page.check("#only")
        assert {"nothing", "same", "far", "id"} <= set(shown_cards(page)) < set(everything)


def test_sorting_is_by_what_is_asked_for(browser: Any, pages: dict[str, Path]) -> None:
    with Shown(browser, pages["profile"]) as page:
        place = shown_cards(page)
        page.select_option("#sort", "name")
        assert shown_cards(page)[1:3] == ["bytes", "clock"]
        page.select_option("#sort", "missing")
        assert shown_cards(page)[:2] == ["nothing", "delay"]
        page.select_option("#sort", "distinct")
        assert shown_cards(page)[0] in ("when", "id", "lists")
        page.select_option("#sort", "order")
        assert shown_cards(page) == place


def test_the_theme_can_be_chosen_and_is_kept(browser: Any, pages: dict[str, Path]) -> None:
    with Shown(browser, pages["profile"]) as page:
        seen = [background(page)]
        for name in ("light", "dark"):
            page.click("#theme")
            assert page.inner_text("#theme span") == name
            seen.append(background(page))
        assert seen[0] == seen[1] != seen[2]
        page.reload()
        assert background(page) == seen[2]
        page.click("#theme")
        assert background(page) == seen[0]


def test_a_link_leads_to_its_column_even_if_it_was_searched_away(browser: Any, pages: dict[str, Path]) -> None:
    with Shown(browser, pages["validation"]) as page:
        page.fill("#search", "no such column")
        page.click("a.jump:text-is('month')")
        assert page.evaluate("document.activeElement.querySelector('h3').textContent") == "month"
        assert page.is_visible(".card:has(h3:text-is('month'))")


def test_pictures_behind_a_fold_are_drawn_when_it_opens_and_say_what_is_under_the_pointer(
    browser: Any, pages: dict[str, Path]
) -> None:
    with Shown(browser, pages["profile"]) as page:
        card = page.locator(".card:has(h3:text-is('delay'))")
        card.locator(".plot canvas").wait_for(state="attached")
        card.locator(".plot").hover()
        page.wait_for_function("!!document.querySelector('.readout:not(:empty)')")
        assert "train" in card.locator(".readout").inner_text() and "eval" in card.locator(".readout").inner_text()
        card.locator("summary").focus()
        page.keyboard.press("Enter")
        assert card.locator("details .figures").is_visible()


def test_a_page_works_in_a_frame_that_may_run_scripts_and_nothing_else(
    browser: Any, pages: dict[str, Path], tmp_path: Path
) -> None:
    """As MLflow shows it: no storage, no origin."""
    frame = tmp_path / "frame.html"
    frame.write_text(f'<iframe sandbox="allow-scripts" src="{pages["profile"].as_uri()}" width="900" height="700">')
    with Shown(browser, frame) as page:
        inside = page.frame_locator("iframe")
        inside.locator(".plot canvas").first.wait_for(state="attached")
        inside.locator("#theme").click()
        assert inside.locator("#theme span").inner_text() == "light"
        inside.locator("#search").fill("clock")
        assert inside.locator("#count").inner_text() == "1 of 15 columns"


def test_figures_are_there_without_scripts(browser: Any, pages: dict[str, Path]) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(pages["profile"].as_uri())
    text = page.inner_text("main")
    assert "10 % (40)" in text and "month" in text
    context.close()


@pytest.mark.parametrize("kind", ["validation", "evaluation"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_what_is_behind_it(browser: Any, pages: dict[str, Path], kind: str, scheme: str) -> None:
    """At least 4.5 to 1, as WCAG 2 wants of text (level AA)."""
    with Shown(browser, pages[kind], scheme=scheme) as page:
        low = page.evaluate(CONTRAST)
        assert low == []
