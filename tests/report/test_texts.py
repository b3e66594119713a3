"""The three written reports: JSON, Markdown, HTML."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from semphase.report.html import to_html
from semphase.report.json_report import dumps, to_json
from semphase.report.markdown import COMMENT, to_markdown
from semphase.report.schema import Document, Run, VerificationForm
from semphase.report.wording import undecided

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=30,
)
VOID = {"meta", "input", "img"}
TOLD = (
    "BCa bootstrap over prompts", "n = 120", "0.9712 [0.9633, 0.9801] r", "[1, ∞]", "not specific",
    "the smallest pairwise Pearson r", "re-initialised weights", "001 exp3", "prefers-color-scheme",
    "needs 2 models, the study has 1", "the corpus is generated", "<dt>would decide</dt><dd>Would take",
)  # fmt: skip
PIXEL = b"\x89PNG"


@given(JSON)
def test_the_layout_of_json_changes_no_value(value: Any) -> None:
    assert json.loads(dumps(value)) == value


def test_rows_of_numbers_stay_on_one_line() -> None:
    told = dumps({"row": list(range(100)), "text": ["a" * 80, "b" * 80]})
    assert len(told.splitlines()) == 7


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {"x": [float("nan")]}])
def test_json_refuses_what_the_standard_lacks(value: Any) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        dumps(value)


def test_json_holds_the_document(document: Document) -> None:
    assert json.loads(to_json(document)) == document


def test_markdown_leads_with_what_was_found(document: Document) -> None:
    text = to_markdown(document)
    first = text.splitlines()[0]
    assert first == (
        "**6 claims on gpt2: 1 found, 1 supported, with a reservation, 1 refuted, 1 undecided, 1 not applicable, "
        "1 errors, 1 audit** (budget quick, commit ffffffffffff, with changes)"
    )
    headings = [line for line in text.splitlines() if line.startswith(("## ", "<details>"))]
    assert [heading.removeprefix("<details><summary>")[:8] for heading in headings] == [
        "## Found", "## Suppo", "## Refut", "## Undec", "Not appl", "## Error", "Audit: 1", "## Origi",
    ]  # fmt: skip


def test_markdown_has_one_row_for_each_claim(document: Document) -> None:
    text = to_markdown(document)
    tables = [table.splitlines() for table in re.findall(r"(?:^\| .*\n)+", text, flags=re.MULTILINE)]
    assert sum(len(table) - 2 for table in tables) == len(document["claims"])
    for table in tables:
        assert len({len(re.findall(r"(?<!\\)\|", row)) for row in table}) == 1
        assert len(table[0]) < 80
    assert "**supported (not specific) (unexpected)**" in text
    assert (
        "| gpt2 | **supported** | 0.9712 [0.9633, 0.9801] r | > 0.96 | 0.2 [0.1, 0.3] r, model only | supported |"
        not in text
    )
    assert (
        "| gpt2 | **supported** | 0.9712 [0.9633, 0.9801] r | > 0.96 | 0.2 [0.1, 0.3], model only | supported |" in text
    )
    assert "0.2 exact r" in text
    assert "- note: the corpus is generated" in text
    open_one = next(entry for entry in document["claims"] if entry["verdict"] == "inconclusive")
    assert f"- `{open_one['id']}` on gpt2: {undecided(open_one)}" in text
    assert text.count("this run decides") == 1


@pytest.mark.parametrize(("many", "reason"), [(150, ""), (900, "a reason with many words " * 40)])
def test_markdown_fits_a_comment(document: Document, run: Run, many: int, reason: str) -> None:
    told = [
        {**entry, "id": f"group.claim-{number}", "reason": reason}
        for number in range(many)
        for entry in document["claims"][:5]
    ]
    whole: Document = {**document, "run": {**run, "notices": ["ß" * 1000] * 100}, "claims": told}  # type: ignore[typeddict-item]
    text = to_markdown(whole)
    assert len(text.encode()) <= COMMENT
    rows = len(re.findall(r"^\| `", text, flags=re.MULTILINE))
    assert rows > 200 if not reason else rows > 20
    assert f"{len(told) - rows} more verdicts do not fit into a comment of 65,536 characters" in text
    assert text.count("<details>") == text.count("</details>")
    assert "## Found" in text
    assert "## Origin" in text


class _Reader(HTMLParser):
    """Checks that tags nest, and collects attributes and text."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.fixture
def page(document: Document, tmp_path: Path) -> str:
    document["claims"][1]["figures"] = ["figures/gpt2/line.png"]
    document["claims"][2]["figures"] = ["figures/gpt2/line.png"]
    (tmp_path / "figures/gpt2").mkdir(parents=True)
    (tmp_path / "figures/gpt2/line.png").write_bytes(PIXEL)
    return to_html(document, tmp_path)


def test_html_is_well_formed(page: str) -> None:
    reader = _Reader()
    reader.feed(page)
    assert not reader.open


def test_html_reaches_for_nothing_outside(page: str) -> None:
    reader = _Reader()
    reader.feed(page)
    for _, attributes in reader.seen:
        for name in ("src", "href", "action", "xlink:href"):
            target = attributes.get(name) or ""
            assert not target or target.startswith(("#", "data:"))
    assert "http://" not in page
    assert "https://" not in page
    assert "@import" not in page
    assert "default-src 'none'" in page


def test_html_tells_every_claim_with_its_evidence(page: str, document: Document) -> None:
    reader = _Reader()
    reader.feed(page)
    assert sum(tag == "article" for tag, _ in reader.seen) == len(document["claims"])
    for entry in document["claims"]:
        assert f"<code>{entry['id']}</code>" in page
    for expected in TOLD:
        assert expected in page


def test_html_escapes_what_users_wrote(page: str) -> None:
    assert "<b>bold</b>" not in page
    assert "&lt;b&gt;bold&lt;/b&gt;" in page
    assert "ValueError: &lt;no&gt;" in page


def test_html_embeds_each_figure_once(page: str) -> None:
    assert page.count("data:image/png;base64,iVBORw==") == 1
    assert page.count('href="#figures/gpt2/line.png"') == 1
    assert page.count('id="figures/gpt2/line.png"') == 1


VERIFIED: VerificationForm = {
    "passed": False,
    "checks": [
        {"name": "precision probe", "found": "23 bits", "passed": True},
        {"name": "verdicts as expected", "found": "1 unlike: a.b on <gpt2>", "passed": False},
    ],
    "findings": {"supported": ["a.c on gpt2", "a.d on gpt2"], "refuted": ["a.e on gpt2"]},
}
LINES = (
    "PASS precision probe: 23 bits",
    "FAIL verdicts as expected: 1 unlike: a.b on &lt;gpt2",
    "3 findings without an expectation: 2 supported, 1 refuted",
    "refuted: a.e on gpt2",
)


def test_a_verification_leads_the_reports_for_people(document: Document, run: Run, tmp_path: Path) -> None:
    verified: Document = {**document, "run": {**run, "verification": VERIFIED}}
    for text in (to_markdown(verified), to_html(verified, tmp_path)):
        assert "Verification: failed" in text
        assert all(line in text for line in LINES)
    for text in (to_markdown(document), to_html(document, tmp_path)):
        assert "Verification" not in text
    assert json.loads(to_json(verified))["run"]["verification"] == VERIFIED
