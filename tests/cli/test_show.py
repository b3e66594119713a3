"""`semphase show`: all that a report says of one claim."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from command import Run, entry

Report = Callable[..., Path]
SAMPLE = Path(__file__).parents[2] / "reports" / "sample"


@pytest.fixture(autouse=True)
def _reported(report: Report) -> None:
    told = entry()
    told["scope"] = {"kind": "reduced", "ratios": {"tokens": 0.034}}
    told["registration"] = {"status": "changed", "date": "2026-01-31"}
    told["figures"] = ["figures/gpt2/line.png", "figures/gpt2/gone.png"]
    place = report("out", told, entry("tiny"))
    (place / "figures" / "gpt2").mkdir(parents=True)
    (place / "figures" / "gpt2" / "line.png").write_bytes(b"")


def test_everything_is_shown(run: Run) -> None:
    out = run("show", "out", "a.one", width=120).out
    for told in (
        "a.one · gpt2", "a.one · tiny", "supported", "one is large",
        "0.9712 [0.9633, 0.9801] r against", "95 %, bootstrap over prompts, n = 120", "meets the criterion",
        "random direction: 0.2 [0.1, ∞]", "supported > 0.96", "changed since 2026-01-31", "passed, 1.5 s",
        "6 numbers (1 missing) from 0.97 (seal) to 0.99 (bat)", "3 × 2 numbers from 0.1 to 0.6, median 0.35",
        "2 tables of verdict", "several lines", "model only", "firm, p of the decision 1e-09",
        "out/figures/gpt2/line.png", "figures/gpt2/gone.png is not there",
        "reduced: 0.034 of the published tokens", "run 0123 of 2026-01-31", "pytest --model gpt2",
    ):  # fmt: skip
        assert told in out, told


def test_a_file_does_as_well_as_its_folder(run: Run) -> None:
    assert run("show", "out/verdicts.json", "a.one").out == run("show", "out", "a.one").out


def test_json_is_the_reports_own(run: Run, folder: Path) -> None:
    told = run("show", "out", "a.one", "--json").json
    document = json.loads((folder / "out" / "verdicts.json").read_text())
    assert told == {"run": document["run"], "entries": document["claims"]}


@pytest.mark.parametrize("width", [30, 60, 200])
def test_every_width_is_kept(run: Run, width: int) -> None:
    out = run("show", "out", "a.one", width=width).out
    assert max(map(len, out.splitlines())) <= width


def test_a_terminal_without_greek(run: Run) -> None:
    ran = run("show", "out", "a.one", PYTHONIOENCODING="ascii", TERM="dumb")
    assert (ran.code, ran.err) == (0, "")
    assert "0.9712 [0.9633, 0.9801]" in ran.out


@pytest.mark.parametrize("name", ["a.on", "b.one", "A.one"])
def test_an_unknown_claim_is_answered_with_the_nearest(run: Run, name: str) -> None:
    assert run("show", "out", name).refusal == f"the run judged no claim '{name}'; did you mean a.one?"


def test_a_claim_like_no_other_is_answered_with_what_there_is(run: Run) -> None:
    assert run("show", "out", "zzzzzz").refusal == "the run judged no claim 'zzzzzz'; it knows a.one"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("", "the report bad/verdicts.json is broken (Expecting value"),
        ('{"schema": 1', "the report bad/verdicts.json is broken (Expecting"),
        ("[" * 100_000, "the report bad/verdicts.json is broken"),
        ("[]", "bad/verdicts.json is no report of semphase"),
        ('{"schema": 99}', "bad/verdicts.json has schema 99, and this semphase reads 2: update it"),
        ('{"schema": 1}', "the report bad/verdicts.json is broken: it has no list of claims"),
        (
            '{"schema": 1, "claims": [], "run": {"id": "1"}, "summary": {}}',
            "the report bad/verdicts.json is broken: run lacks budget, command",
        ),
    ],
)
def test_a_broken_report_is_told_in_one_sentence(run: Run, folder: Path, content: str, sentence: str) -> None:
    (folder / "bad").mkdir()
    (folder / "bad" / "verdicts.json").write_text(content)
    assert run("show", "bad", "a.one").refusal.startswith(sentence)


def test_a_report_with_a_broken_entry_or_bytes_of_another_kind(run: Run, folder: Path) -> None:
    path = folder / "out" / "verdicts.json"
    whole = path.read_text(encoding="utf-8")
    path.write_text(whole.replace('"criterion": "r > 0.96"', '"criterium": "r > 0.96"', 1), encoding="utf-8")
    assert run("show", "out", "a.one").refusal == "the report out/verdicts.json is broken: claim 1 lacks criterion"
    path.write_bytes(b"\xff\xfe")
    assert run("show", "out", "a.one").refusal.startswith("there is no report to read at out/verdicts.json")
    assert run("show", "nowhere", "a.one").refusal.startswith("there is no report to read at nowhere")


@pytest.mark.parametrize("sample", ["", "quick", "cvfp"])
def test_reports_of_before_are_read(run: Run, sample: str) -> None:
    document = json.loads((SAMPLE / sample / "verdicts.json").read_text(encoding="utf-8"))
    name = document["claims"][0]["id"]
    assert name in run("show", str(SAMPLE / sample), name).out
