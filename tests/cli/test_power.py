"""`semphase power`: what would decide the undecided."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import scipy
from command import Run, entry
from statsmodels.stats.power import TTestPower

from semphase.report.schema import Entry, entry_of
from semphase.stats.estimate import Estimate
from semphase.verdict import Claim, above, between
from semphase.verdict.judge import Judge

Report = Callable[..., Path]
SAMPLE = Path(__file__).parents[2] / "reports" / "sample"
# A mean of 20 words with standard deviation 1.
HALF = float(scipy.stats.t.isf(0.025, 19)) / 20**0.5
WORDS = Estimate(0.4, 0.4 - HALF, 0.4 + HALF, "t", 20, "nats", population=("words",), units=(20,))
BLOCKS = Estimate(0.4, 0.4 - HALF, 0.4 + HALF, "t", 20, population=("text",), units=(20,))
NUMBER = TTestPower().solve_power(0.4, power=0.8, alpha=0.025, alternative="larger")
EFFECT = TTestPower().solve_power(nobs=20, power=0.8, alpha=0.025, alternative="larger")


def undecided(name: str, estimate: Estimate, model: str = "gpt2") -> Entry:
    claim = Claim(name, "s", "rule", (above(0.0, "x"),), "mean", "ours", "none: -")
    return {**entry_of(claim, model, Judge(claim)(estimate), "inconclusive", "", 1.5), "strength": None}


@pytest.fixture(autouse=True)
def _reported(report: Report) -> None:
    report("out", entry(), undecided("a.words", WORDS), undecided("a.text", BLOCKS))


def test_both_figures_of_all_that_is_undecided(run: Run) -> None:
    told = run("power", "out", "--json").json["undecided"]
    assert [(own["id"], own["model"]) for own in told] == [("a.words", "gpt2"), ("a.text", "gpt2")]
    words, text = told
    assert words["needs"] == {"words": pytest.approx(NUMBER, abs=1.5)}
    assert words["smallest_effect"] == pytest.approx(EFFECT, rel=0.01)
    assert text["needs"] == {"text": words["needs"]["words"]}
    (part,) = words["parts"]
    assert (part["expected"], part["needs"], part["approximate"]) == ("supported", words["needs"], True)
    assert part["units"] == {"words": 20}
    assert part["effects"] == {"supported": pytest.approx(EFFECT, rel=0.01), "refuted": pytest.approx(EFFECT, rel=0.01)}


def test_it_reads_what_the_report_holds(run: Run, folder: Path) -> None:
    document = json.loads((folder / "out" / "verdicts.json").read_text())
    held = {own["id"]: own["undecided"] for own in document["claims"]}
    assert held["a.one"] is None
    for own in run("power", "out/verdicts.json", "--json").json["undecided"]:
        assert held[own["id"]] == {"smallest_effect": own["smallest_effect"], "needs": own["needs"]}


@pytest.mark.slow
def test_people_read_sentences(run: Run) -> None:
    out = run("power", "out", "a.words", width=160).out
    (needs,) = run("power", "out", "a.words", "--json").json["undecided"][0]["needs"].values()
    for told in (
        "a.words · gpt2", "0.4 [-0.06801, 0.868] nats against x > 0 (20 words)",
        f"≈ would take {needs} words ({needs / 20:.4g} times as many), then supported; decides supported from 0.66",
        "nats, refuted from 0.66",
    ):  # fmt: skip
        assert told in out, told
    assert "a.text" not in out
    shown = run("show", "out", "a.words", width=160).out
    assert f"would take {needs} words; this run decides from 0.66" in shown
    assert "would take" not in run("show", "out", "a.one", width=160).out


@pytest.mark.parametrize("width", [30, 60, 200])
def test_every_width_is_kept(run: Run, width: int) -> None:
    assert max(map(len, run("power", "out", width=width).out.splitlines())) <= width


def test_nothing_undecided(run: Run, report: Report) -> None:
    report("decided", entry())
    assert run("power", "decided").out == "nothing is undecided\n"
    assert run("power", "decided", "--json").json == {"undecided": []}


def test_what_cannot_be_told_is_said_in_one_sentence(run: Run, folder: Path) -> None:
    assert run("power", "gone").refusal.startswith("there is no report to read at gone")
    assert run("power", "out", "a.wrods").refusal == "the run judged no claim 'a.wrods'; did you mean a.words?"
    decided = "a.one is supported, not undecided; `semphase power out` lists what is"
    assert run("power", "out", "a.one").refusal == decided
    path = folder / "out" / "verdicts.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "schema": 1}))
    assert (
        run("power", "out").refusal == "the report out has schema 1, which does not count units: judge the claims again"
    )


def test_a_range_too_narrow_for_the_run(run: Run, report: Report) -> None:
    claim = Claim("a.narrow", "s", "rule", (between(0.39, 0.43, "x"),), "mean", "ours", "none: -")
    told = entry_of(claim, None, Judge(claim)(WORDS), "inconclusive", "", 1.5)
    report("narrow", {**told, "strength": None})
    out = run("power", "narrow", width=160).out
    assert "then supported; decides refuted from 0.66" in out
    assert "this run decides nothing" in run("show", "narrow", "a.narrow", width=160).out


def test_the_sample_says_what_it_takes(run: Run) -> None:
    told = run("power", str(SAMPLE), "--json").json["undecided"]
    document = json.loads((SAMPLE / "verdicts.json").read_text())
    assert [own["id"] for own in told] == [own["id"] for own in document["claims"] if own["verdict"] == "inconclusive"]
