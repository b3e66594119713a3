"""`report.html` in a real browser: what a reader does with it, at any width, in either scheme, on paper, by keyboard."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from browser import ENTER, TAB, Browser, browsing

from semphase.report.html import to_html
from semphase.report.schema import Document, Entry, document_of
from semphase.report.stored import read_report

pytestmark = pytest.mark.slow
SAMPLES = Path(__file__).parents[2] / "reports" / "sample"
LONG = "group." + "a-name-without-an-end-" * 8
EVIL = "</h3><script>window.entered = 1</script><img src=https://example.org/x onerror='window.entered = 2'>"
CARDS = "return [...document.querySelectorAll('.card')]"
SEEN = f"{CARDS}.filter(card => card.checkVisibility())"
OPEN_ALL = "document.querySelectorAll('.card details').forEach(one => one.open = true)"
WIDER = """
const width = document.documentElement.clientWidth;
const clipped = one => one.closest('pre, svg, .hidden, .skip');
const wide = [...document.body.querySelectorAll('*')].filter(one => one.checkVisibility() && !clipped(one)
  && one.getBoundingClientRect().right > width + 0.5).map(one => one.outerHTML.slice(0, 90));
return [document.documentElement.scrollWidth - width, wide.slice(0, 5)];
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with browsing() as opened:
        yield opened


@pytest.fixture(autouse=True)
def _as_usual(browser: Browser) -> None:
    browser.medium()
    browser.size(1280)


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of pages: of samples, one with its figures, and one that has everything odd."""
    place = tmp_path_factory.mktemp("pages")
    sample, pair, older = (read_report(SAMPLES / name) for name in ("", "pair", "cvfp"))
    told = {"sample": sample, "pair": pair, "odd": odd(sample)}
    written = {name: to_html(document, place) for name, document in told.items()}
    written["figures"] = to_html(older, SAMPLES / "cvfp")
    for name, text in written.items():
        (place / f"{name}.html").write_text(text, encoding="utf-8")
    return place


def odd(sample: Document) -> Document:
    """Long names, markup in texts, errors, no control, no number, an interval without ends, three models, no model."""
    usual = next(entry for entry in sample["claims"] if entry["specific"] and "4 words" in str(entry["universes"]))
    usual = {**usual, "detail": {key: usual["detail"][key] for key in ("parts", "control_parts", "words")}}
    bare: Any = {key: own for key, own in usual.items() if key != "universes"} | {"figures": []}
    assert usual["estimate"] is not None
    nowhere = {**usual["estimate"], "value": None, "low": None, "high": None}
    endless = {**usual["estimate"], "low": None, "high": None}
    broken: dict[str, Any] = {
        "verdict": None, "outcome": "error", "estimate": None, "control": None, "threshold": None, "point": None,
        "specific": None, "detail": {},
    }  # fmt: skip
    told: list[Entry] = [{**usual, "id": LONG, "group": "group", "model": f"{LONG}-{number}"} for number in range(3)]
    told += [
        {**bare, "id": "odd.markup", "statement": EVIL, "criterion": EVIL, "model": "tiny", "reason": EVIL},
        {**bare, "id": "odd.broken", "model": "tiny", **broken, "reason": f"ValueError: {EVIL} {'x' * 300}"},
        {**bare, "id": "odd.alone", "model": "tiny", "control": None, "specific": None},
        {**bare, "id": "odd.nan", "model": "tiny", "estimate": nowhere, "verdict": "inconclusive", "undecided": None},
        {**bare, "id": "odd.endless", "model": "tiny", "estimate": endless, "threshold": [0.1, 0.2]},
        {**bare, "id": "odd.table", "model": None, "verdict": "refuted", "outcome": "failed"},
        {**bare, "id": "odd.lacking", "model": "tiny", **broken, "verdict": "not-applicable", "outcome": "skipped"},
    ]
    models: list[Any] = [{"name": f"{LONG}-{number}"} for number in range(3)] + [{"name": "tiny"}]
    run = sample["run"]
    return document_of({**run, "models": models, "notices": [EVIL, "x" * 200]}, told)


ALL = ("sample", "pair", "figures", "odd")


@pytest.mark.parametrize("name", ALL)
def test_a_page_complains_of_nothing_and_asks_for_nothing(browser: Browser, pages: Path, name: str) -> None:
    page = pages / f"{name}.html"
    browser.open(page)
    browser.run(OPEN_ALL)
    assert browser.requests() == [page.as_uri()]
    assert browser.console() == []
    assert browser.run("return window.entered ?? null") is None
    assert browser.run(f"{SEEN}.length") == page.read_text(encoding="utf-8").count('<article class="card"')


def test_what_would_be_fetched_or_run_is_refused(browser: Browser, pages: Path, tmp_path: Path) -> None:
    text = (pages / "odd.html").read_text(encoding="utf-8")
    page = tmp_path / "entered.html"
    page.write_text(text.replace("<main", f"{EVIL}<main", 1), encoding="utf-8")
    browser.open(page)
    assert browser.run("return window.entered ?? null") is None
    assert any("Content Security Policy" in told for told in browser.console())


def test_findings_come_first_and_the_audit_last(browser: Browser, pages: Path) -> None:
    browser.open(pages / "odd.html")
    found = browser.run("return [...document.querySelectorAll('.group')].map(own => own.id)")
    assert found == ["found", "reserved", "undecided", "not-applicable", "errors", "audit"]
    browser.open(pages / "sample.html")
    found = browser.run("return [...document.querySelectorAll('.group')].map(own => own.id)")
    assert found == ["found", "reserved", "refuted", "undecided", "not-applicable"]


def _type(browser: Browser, text: str) -> None:
    browser.run("document.getElementById('words').value = ''; document.getElementById('words').focus()")
    browser.press(text)


def _choose(browser: Browser, selector: str, choice: str) -> None:
    browser.run(
        "const one = document.querySelector(arguments[0]); one.value = arguments[1];"
        "one.dispatchEvent(new Event('change'))",
        selector,
        choice,
    )


def test_the_filter_leaves_what_is_asked_for(browser: Browser, pages: Path) -> None:
    browser.open(pages / "pair.html")
    _type(browser, "separable GEMMA")
    assert browser.run(f"{SEEN}.map(card => card.id)") == ["permeation.separable@gemma3-270m"]
    assert browser.run("return document.getElementById('shown').textContent") == "1 of 72 verdicts"
    assert browser.run("return [...document.querySelectorAll('.group')].filter(own => !own.hidden).length") == 1
    _type(browser, "nobody says this")
    assert browser.run("return document.getElementById('shown').textContent") == "No verdict matches."
    _type(browser, " ")
    _choose(browser, "[data-filter=verdict]", "inconclusive")
    assert browser.run(f"{SEEN}.length") == 18
    _choose(browser, "[data-filter=group]", "heads")
    _choose(browser, "[data-filter=model]", "smollm2-135m")
    assert browser.run(f"{SEEN}.map(card => card.dataset.id)") == ["heads.layer-pattern", "heads.power-law"]


def test_the_order_is_chosen(browser: Browser, pages: Path) -> None:
    browser.open(pages / "sample.html")
    before = browser.run(f"{CARDS}.map(card => card.id)")
    for order, key in (("id", "card.dataset.id"), ("seconds", "-card.dataset.seconds")):
        _choose(browser, "#order", order)
        keys = browser.run(f"{SEEN}.map(card => {key})")
        assert keys == sorted(keys)
        assert len(keys) == 34
    _choose(browser, "#order", "standing")
    keys = browser.run(f"{SEEN}.map(card => card.dataset.standing)")
    numbers = [float(key) for key in keys if key]
    assert numbers == sorted(numbers, reverse=True)
    assert keys[-7:] == [""] * 7
    assert browser.run("return document.querySelectorAll('.group:not([hidden])').length") == 0
    _choose(browser, "#order", "")
    assert browser.run(f"{CARDS}.map(card => card.id)") == before
    assert browser.run("return document.querySelectorAll('.group:not([hidden])').length") == 5


FOCUS = "const one = document.activeElement; return [one.tagName, one.id, getComputedStyle(one).outlineStyle]"


def test_everything_is_reached_and_opened_by_keyboard(browser: Browser, pages: Path) -> None:
    browser.open(pages / "sample.html")
    reached = []
    for _ in range(30):
        browser.press([TAB])
        tag, name, outline = browser.run(FOCUS)
        reached.append(name or tag)
        assert outline != "none", reached
        if tag == "SUMMARY":
            break
    assert reached[0] == "A"
    assert {"words", "order", "open"} <= set(reached)
    assert reached[-1] == "SUMMARY"
    opened = "return document.activeElement.parentElement.open"
    browser.press([ENTER])
    assert browser.run(opened)
    assert browser.run("return document.activeElement.parentElement.querySelector('.body').checkVisibility()")
    browser.press([ENTER])
    assert not browser.run(opened)


def test_links_between_models_open_their_cards(browser: Browser, pages: Path) -> None:
    browser.open(pages / "pair.html")
    browser.run("document.querySelector('.beside details').open = true")
    target = browser.run("const link = document.querySelector('.beside td a'); link.click(); return link.hash.slice(1)")
    card = "return document.getElementById(decodeURIComponent(arguments[0]))"
    browser.run("return new Promise(done => setTimeout(done, 50))")
    assert browser.run(f"{card}.querySelector('details').open", target)
    # A card that the filter hides is shown again.
    _type(browser, "nobody says this")
    browser.run("location.hash = ''; location.hash = arguments[0]", target)
    browser.run("return new Promise(done => setTimeout(done, 50))")
    assert browser.run(f"{card}.checkVisibility()", target)


def test_the_command_is_copied(browser: Browser, pages: Path) -> None:
    browser.command("Browser.grantPermissions", permissions=["clipboardReadWrite", "clipboardSanitizedWrite"])
    browser.open(pages / "sample.html")
    browser.run(OPEN_ALL)
    browser.run("document.querySelector('.copy').click()")
    browser.run("return new Promise(done => setTimeout(done, 100))")
    assert browser.run("return document.querySelector('.copy').textContent") == "Copied"
    copied = browser.run("return navigator.clipboard.readText()")
    assert copied == browser.run("return document.querySelector('.command pre').textContent")
    assert "--claims=order.causal-mask" in copied


@pytest.mark.parametrize(
    ("name", "width"),
    [("odd", 320), ("odd", 400), ("odd", 800), ("odd", 1280), ("sample", 320), ("sample", 400), ("pair", 320)],
)
def test_no_width_needs_scrolling_sideways(browser: Browser, pages: Path, name: str, width: int) -> None:
    browser.size(width)
    browser.open(pages / f"{name}.html")
    browser.run(OPEN_ALL)
    assert browser.run(WIDER) == [0, []]
    inside = browser.run(
        f"{CARDS}.every(card => {{ const own = card.querySelector('.mark').getBoundingClientRect();"
        "return own.left >= 0 && own.right <= innerWidth && own.width > 40 && own.height > 10; })"
    )
    assert inside


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 320)])
def test_axe_finds_no_barrier(browser: Browser, pages: Path, scheme: str, width: int) -> None:
    browser.medium(scheme=scheme)
    browser.size(width)
    browser.open(pages / "odd.html")
    browser.run("document.querySelectorAll('details').forEach(one => one.open = true)")
    browser.run((files("axe_core_python") / "axe.min.js").read_text(encoding="utf-8"))
    found = browser.run("return axe.run({resultTypes: ['violations']}).then(found => found.violations)")
    told = {own["id"]: [node["html"][:160] for node in own["nodes"][:3]] for own in found}
    assert told == {}


def test_headings_go_down_step_by_step(browser: Browser, pages: Path) -> None:
    for name in ALL:
        browser.open(pages / f"{name}.html")
        levels = [
            int(own)
            for own in browser.run("return [...document.querySelectorAll('h1, h2, h3, h4')].map(own => own.tagName[1])")
        ]
        assert levels[0] == 1
        assert levels.count(1) == 1
        assert all(after <= before + 1 for before, after in pairwise(levels))


def test_verdicts_are_told_by_words_and_shapes(browser: Browser, pages: Path) -> None:
    browser.open(pages / "odd.html")
    marks = browser.run(
        "return [...document.querySelectorAll('.card .mark')]"
        ".map(own => [own.textContent.trim(), own.querySelector('path').getAttribute('d')])"
    )
    shapes = dict(map(tuple, marks))
    assert set(shapes) == {"supported", "refuted", "inconclusive", "not applicable", "error"}
    assert len(set(shapes.values())) == 5


def test_paper_shows_what_is_folded(browser: Browser, pages: Path) -> None:
    browser.open(pages / "odd.html")
    body = f"{CARDS}.map(card => card.querySelector('.body').checkVisibility())"
    assert not any(browser.run(body))
    browser.medium("print")
    assert all(browser.run(body))
    for selector in (".tools", ".raw", ".copy"):
        assert not browser.run("return document.querySelector(arguments[0]).checkVisibility()", selector)
    assert browser.run("return getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    printed = base64.b64decode(browser.command("Page.printToPDF", displayHeaderFooter=False)["data"])
    assert len(re.findall(rb"/Type /Page\b", printed)) > 3


def test_without_its_script_a_page_is_whole(browser: Browser, pages: Path, tmp_path: Path) -> None:
    page = tmp_path / "still.html"
    page.write_text(
        re.sub(r"<script>.*</script>", "", (pages / "sample.html").read_text(encoding="utf-8"), flags=re.DOTALL)
    )
    browser.open(page)
    assert browser.run(f"{SEEN}.length") == 34
    assert not browser.run("return document.querySelector('.tools').checkVisibility()")
    browser.run("document.querySelector('.card summary').focus()")
    browser.press([ENTER])
    assert browser.run("return document.querySelector('.card .body').checkVisibility()")
