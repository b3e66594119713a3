"""`semphase compare`: its exit codes, its forms, and what it refuses."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from command import CLAIM, Ran, Run, entry
from typer.testing import CliRunner

from semphase.cli import comparing  # noqa: F401 - what imports of libraries do to the random state is no test's
from semphase.cli.app import app
from semphase.report.schema import Entry, entry_of
from semphase.stats.estimate import Estimate
from semphase.verdict.judge import Judge

Report = Callable[..., Path]


def refuted(model: str = "gpt2") -> Entry:
    found = Judge(CLAIM)(Estimate(0.2, 0.1, 0.3, "t", 9, "r"), reason="no control today")
    return {**entry_of(CLAIM, model, found, "failed", "no control today", 1.0), "strength": "firm"}


@pytest.fixture
def here(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """As `run`, in this process: what a program costs to start is paid once."""
    monkeypatch.chdir(folder)

    def call(*words: str, width: int = 100, **_: str) -> Ran:
        found = CliRunner().invoke(app, words, env={"COLUMNS": str(width), "NO_COLOR": "1"})
        return Ran(found.exit_code, found.stdout, found.stderr)

    return call


@pytest.fixture(autouse=True)
def _reported(report: Report) -> None:
    report("one", entry())
    report("two", refuted(), seed=1)


def test_what_changed_exits_with_1_as_diff_does(run: Run) -> None:
    found = run("compare", "one", "two/verdicts.json")
    assert (found.code, found.err) == (1, "")
    for told in ("supported ↔ refuted", "a.one · gpt2", "supported 0.9712 [0.9633, 0.9801] r", "-0.7712 [", "seed"):
        assert told in found.out, told


def test_nothing_changed_exits_with_0(here: Run, report: Report) -> None:
    report("again", entry(), id="0124")
    found = here("compare", "one", "again")
    assert (found.code, found.out, found.err) == (0, "1 claim: nothing changed\n", "")


@pytest.mark.parametrize("width", [30, 80, 200])
def test_every_width_is_kept(here: Run, width: int) -> None:
    out = here("compare", "one", "two", width=width).out
    assert max(map(len, out.splitlines())) <= width
    assert ("before   " in out) == (width >= 120)  # a table's head, where there is room for one


def test_json_is_printed_or_written_and_the_page_too(here: Run, folder: Path) -> None:
    printed = here("compare", "one", "two", "--json", "-", "--html", "page.html")
    found = json.loads(printed.out)
    assert found["counts"] == {"reversed": 1}
    assert "a.one" in (folder / "page.html").read_text(encoding="utf-8")
    here("compare", "one", "two", "--json", "found.json")
    assert json.loads((folder / "found.json").read_text()) == found


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("one", "gone"), "there is no report to read at gone: No such file or directory"),
        (("bad", "one"), "the report bad/verdicts.json is broken"),
        (("one", "two", "--renamed", "gpt2"), "--renamed takes OLD=NEW"),
        (("one", "two", "--renamed", "gpt3=gpt2"), "the first run judged no model 'gpt3'"),
        (("one", "two", "--html", "-"), "--html takes a file"),
        (("one", "two", "--json", "one/verdicts.json"), "a comparison must not be written over a report"),
        (("one", "two", "--json", "x", "--html", "x"), "a comparison must not be written over a report"),
        (("one", "two", "--html", "one"), "one is a folder: name a file"),
        (("one", "two", "--html", "one/verdicts.json/page"), "the page one/verdicts.json/page cannot be written"),
    ],
)
def test_bad_input_exits_with_2_and_one_sentence(here: Run, folder: Path, words: tuple[str, ...], told: str) -> None:
    (folder / "bad").mkdir()
    (folder / "bad" / "verdicts.json").write_text('{"schema": 2, "claims": [')
    before = sorted(path.name for path in folder.iterdir())
    found = here("compare", *words)
    assert (found.code, found.out) == (2, "")
    (sentence,) = found.err.splitlines()
    assert sentence.startswith(f"semphase: {told}")
    assert sorted(path.name for path in folder.iterdir()) == before
