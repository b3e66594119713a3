"""The tables of README and docs are those of their reports; each kind of table on small reports of known content."""

from __future__ import annotations

import json
import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from semphase.data.lexicon import load
from semphase.errors import SemphaseError
from semphase.models import fixture

ROOT = Path(__file__).parents[1]
TABLES = runpy.run_path(str(ROOT / "tabulating.py"))
PAGES = TABLES["pages"]()
Put = Callable[..., str]
SECOND = {"sha256": load(fixture("lexicon/english-2.toml")).sha256, "words": 12}


def entry(claim: str, model: str | None, verdict: str | None, value: float = 0.5, **more: Any) -> dict[str, Any]:
    judged = verdict not in (None, "not-applicable")
    estimate = {
        "value": value,
        "low": value - 0.1,
        "high": value + 0.1,
        "unit": "",
        "population": ["words"],
        "units": [26],
    }
    parts = [{"criterion": "estimate > 0.4", "deciding": True}]
    plain = {
        "id": claim, "group": claim.partition(".")[0], "model": model, "verdict": verdict, "outcome": "passed",
        "estimate": estimate if judged else None, "detail": {"parts": parts}, "published": None, "control": None,
        "strength": None, "specific": None,
    }  # fmt: skip
    return plain | more


@pytest.fixture
def put(tmp_path: Path) -> Put:
    """`put(name, entries, models, …)` writes a report below the folder that the tables are made in."""

    def written(
        name: str,
        entries: list[dict[str, Any]],
        models: tuple[str, ...] = ("small",),
        lexicon: dict[str, Any] | None = None,
        corpus: tuple[str, str] = ("story.txt", "c0ffee00"),
    ) -> str:
        run = {
            "models": [{"name": model} for model in models],
            "lexicon": lexicon or {"sha256": "0123456789", "words": 26},
            "corpus": {"name": corpus[0], "sha256": corpus[1], "tokens": 9},
        }
        (tmp_path / name).mkdir()
        document = {"schema": 2, "run": run, "claims": entries}
        (tmp_path / name / "verdicts.json").write_text(json.dumps(document), encoding="utf-8")
        return name

    return written


@pytest.fixture
def table(tmp_path: Path) -> Callable[[str], list[str]]:
    """The lines of the table that a comment asks for, without empty ones."""

    def lines(comment: str) -> list[str]:
        made = TABLES["rendered"](f"before\n<!-- {comment} -->\nold\n<!-- end -->\nafter\n", tmp_path).splitlines()
        assert [made[0], made[1], *made[-2:]] == ["before", f"<!-- {comment} -->", "<!-- end -->", "after"]
        return [line for line in made[2:-2] if line]

    return lines


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_table_of_a_page_is_that_of_its_reports(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert TABLES["rendered"](text) == text


def test_readme_has_its_tables_from_reports() -> None:
    shown = [kind for _, kind, _, _ in TABLES["BLOCK"].findall((ROOT / "README.md").read_text(encoding="utf-8"))]
    assert {"verdicts", "groups", "pair"} <= set(shown)
    assert {ROOT / "README.md", ROOT / "docs/audit.md", ROOT / "docs/limits.md"} <= set(PAGES)


def test_verdicts_lead_with_what_is_specific(put: Put, table: Callable[[str], list[str]]) -> None:
    control = {"relation": "model only", "contrast": {"value": 0.2, "low": 0.1, "high": 0.3, "unit": ""}}
    put(
        "one",
        [
            entry("a.first", "small", "refuted", 0.1, strength="nominal"),
            entry("a.second", "small", "supported", 0.9, strength="firm", specific=True, control=control),
            entry("a.third", "small", "not-applicable"),
        ],
    )
    assert table("verdicts one") == [
        "| claim | estimate | speaks of | criterion | verdict | relation | contrast |",
        "|---|---|---|---|---|---|---|",
        "| `a.second` | 0.9 [0.8, 1] | 26 words | > 0.4 | supported, firm | model only | 0.2 [0.1, 0.3] |",
        "| `a.first` | 0.1 [0, 0.2] | 26 words | > 0.4 | refuted, nominal | – | – |",
        "Not applicable: `a.third`.",
    ]


def test_verdicts_of_an_older_report_say_whether_the_control_fails(put: Put, table: Callable[[str], list[str]]) -> None:
    old = entry("a.first", "small", "supported", control={"discriminating": False})
    for key in ("strength", "specific"):
        del old[key]
    for key in ("population", "units"):
        del old["estimate"][key]
    put("old", [old])
    assert table("verdicts old") == [
        "| claim | estimate | criterion | verdict | discriminates |",
        "|---|---|---|---|---|",
        "| `a.first` | 0.5 [0.4, 0.6] | > 0.4 | supported (not specific) | no |",
    ]


TWO = [
    entry("a.both", "large", "supported"),
    entry("a.both", "small", "supported", control={"relation": "both"}, specific=False),
    entry("a.changes", "large", "refuted"),
    entry("a.changes", "small", "supported", specific=True, control={"relation": "model only"}),
    entry("b.lacks", "large", "not-applicable"),
    entry("b.lacks", "small", "refuted"),
    entry("b.joint", "small+large", "refuted"),
    entry("b.none", None, "refuted"),
    entry("b.undecided", "large", "inconclusive"),
    entry("b.undecided", "small", "inconclusive"),
]


def test_a_pair_of_models_stands_in_the_order_of_the_run(put: Put, table: Callable[[str], list[str]]) -> None:
    put("two", TWO, ("small", "large"))
    assert table("pair two") == [
        "| claim | small | large | holds |",
        "|---|---|---|---|",
        "| `a.both` | supported\\*, 0.5 [0.4, 0.6] | supported, 0.5 [0.4, 0.6] | yes |",
        "| `a.changes` | supported, 0.5 [0.4, 0.6] | refuted, 0.5 [0.4, 0.6] | **no** |",
        "| `b.undecided` | inconclusive, 0.5 [0.4, 0.6] | inconclusive, 0.5 [0.4, 0.6] | yes |",
        TABLES["STARRED"],
    ]


def test_groups_count_what_the_second_model_says_as_well(put: Put, table: Callable[[str], list[str]]) -> None:
    put("two", TWO, ("small", "large"))
    assert table("groups two") == [
        "| group | supported, on large too | refuted, on large too | inconclusive, on large too |",
        "|---|---|---|---|",
        "| `a` | 1 of 2 | – | – |",
        "| `b` | – | – | 1 of 1 |",
        "| all | 1 of 2 | – | 1 of 1 |",
    ]


def test_what_holds_on_both_lexicons(put: Put, table: Callable[[str], list[str]]) -> None:
    answers = {
        "a.holds": ("refuted", "refuted"),
        "a.opposed": ("supported", "refuted"),
        "a.partly": ("supported", "inconclusive"),
        "a.undecided": ("inconclusive", "inconclusive"),
        "b.broke": ("supported", None),
        "b.lacks": ("supported", "not-applicable"),
    }
    for number, (name, lexicon) in enumerate({"first": None, "second": SECOND}.items()):
        entries = [entry(claim, "small", own[number], 0.5 + number) for claim, own in answers.items()]
        put(name, [*entries, entry("b.reads-neither", "small", "refuted")], lexicon=lexicon)
    assert table("holds first second") == [
        "| claim | small, 0123456 | small, english-2 | holds |",
        "|---|---|---|---|",
        "| `a.holds` | refuted, 0.5 [0.4, 0.6] | refuted, 1.5 [1.4, 1.6] | yes |",
        "| `a.opposed` | supported, 0.5 [0.4, 0.6] | refuted, 1.5 [1.4, 1.6] | **no** |",
        "| `a.partly` | supported, 0.5 [0.4, 0.6] | inconclusive, 1.5 [1.4, 1.6] | partly |",
        "| `a.undecided` | inconclusive, 0.5 [0.4, 0.6] | inconclusive, 1.5 [1.4, 1.6] | undecided |",
        "| `b.broke` | supported, 0.5 [0.4, 0.6] | error | – |",
        "| `b.lacks` | supported, 0.5 [0.4, 0.6] | not applicable | – |",
        "| `b.reads-neither` | refuted, 0.5 [0.4, 0.6] | refuted, 0.5 [0.4, 0.6] | – |",
        f"Verdicts on small: 1 hold, 1 hold partly, 1 do not, 1 undecided. {TABLES['HOLDING']}",
    ]


def test_what_holds_on_both_for_two_models_and_corpora_of_one_name(put: Put, table: Callable[[str], list[str]]) -> None:
    models = ("small", "large")
    put("first", [entry("a.one", "small", "refuted"), entry("a.two", "small", "refuted")], models)
    put("also", [entry("a.one", "large", "supported"), entry("b.joint", "small+large", "refuted")], models)
    other = [entry("a.one", "large", "refuted", 0.3), entry("a.one", "small", "refuted", 0.3)]
    put("other", [*other, entry("b.none", None, "refuted")], models, corpus=("story.txt", "badcafe00"))
    assert table("holds first also other") == [
        "| claim | small, story.txt c0ffee0 | small, story.txt badcafe | large, story.txt c0ffee0 "
        "| large, story.txt badcafe | holds on small | holds on large |",
        "|---|---|---|---|---|---|---|",
        "| `a.one` | refuted, 0.5 [0.4, 0.6] | refuted, 0.3 [0.2, 0.4] | supported, 0.5 [0.4, 0.6] "
        "| refuted, 0.3 [0.2, 0.4] | yes | **no** |",
        "| `a.two` | refuted, 0.5 [0.4, 0.6] | – | – | – | – | – |",
        "Verdicts on small: 1 hold, 0 hold partly, 0 do not, 0 undecided. "
        f"Verdicts on large: 0 hold, 0 hold partly, 1 do not, 0 undecided. {TABLES['HOLDING']}",
    ]


def test_one_claim_twice_on_the_same_data_cannot_be_compared(put: Put, table: Callable[[str], list[str]]) -> None:
    for name in ("first", "second"):
        put(name, [entry("a.one", "small", "refuted")])
    with pytest.raises(SemphaseError, match=r"^a.one on small stands in two reports on the same data; name one"):
        table("holds first second")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("<!-- hold there -->\n<!-- end -->\n", "there is no table 'hold': choose verdicts, groups, pair, holds"),
        ("<!-- pair nowhere -->\n<!-- end -->\n", "nowhere cannot be read .*; name a folder with verdicts.json"),
        ("<!-- pair two -->\n| claim |\n", "of 1 tables 0 have an end; write `<!-- end -->` below each"),
    ],
)
def test_a_page_that_asks_for_what_there_is_not(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(SemphaseError, match=why):
        TABLES["rendered"](text, tmp_path)


def test_comments_that_are_no_tables_stay(tmp_path: Path) -> None:
    text = "<!-- a remark -->\ntext `<!-- pair one two -->`\n"
    assert TABLES["rendered"](text, tmp_path) == text
