"""A run from its options to its report: refusals, workers, interruptions, a plain run of other tests."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.plugin.conftest import Make

KEYS = {
    "": {"schema", "run", "claims", "summary"},
    "run": {
        "id", "started", "seconds", "command", "git", "versions", "device", "hardware", "precision", "seed",
        "budget", "corpus", "lexicon", "models",
    },
    "claim": {
        "id", "group", "statement", "criterion", "source", "model", "verdict", "point", "outcome",
        "estimate", "threshold", "p_value", "p_adjusted", "control", "published", "reason", "seconds",
        "detail", "figures", "registration", "p_decision", "strength", "specific", "scope", "undecided",
    },
    "estimate": {"value", "low", "high", "level", "method", "n", "unit", "population", "units"},
    "control": {"name", "estimate", "relation", "contrast"},
    "model": {"name", "family", "layers", "heads", "d_model", "parameters", "sha256"},
    "summary": {
        "supported", "specific", "refuted", "firm", "nominal", "fragile", "inconclusive", "not_applicable", "failed",
    },
}  # fmt: skip


def test_a_plain_run_shows_and_writes_nothing_and_imports_no_torch(make: Make) -> None:
    project = make("import sys\ndef test_x(): assert not {'torch', 'scipy', 'jinja2'} & set(sys.modules)\n")
    (project.folder / "conftest.py").unlink()
    before = set(project.folder.iterdir())
    ran = project.run()
    assert ran.code == 0
    assert "verdicts" not in ran.out
    assert set(project.folder.iterdir()) == before


def test_the_report_has_the_keys_of_its_schema(make: Make) -> None:
    document = make().run("--model", "tiny", "--model", "gpt2", "--claims", "*").document
    assert document is not None
    assert set(document) == KEYS[""]
    assert set(document["run"]) == KEYS["run"] | {"notices"}
    assert set(document["summary"]) == KEYS["summary"]
    assert all(set(model) == KEYS["model"] for model in document["run"]["models"])
    assert set(document["run"]["corpus"]) == {"name", "sha256", "tokens"}
    assert set(document["run"]["lexicon"]) == {"sha256", "words"}
    assert set(document["run"]["precision"]) == {"dtype", "matmul_mantissa_bits"}
    for entry in document["claims"]:
        assert set(entry) == KEYS["claim"]
        assert entry["estimate"] is None or set(entry["estimate"]) == KEYS["estimate"]
        assert entry["control"] is None or set(entry["control"]) == KEYS["control"]
        assert entry["published"] is None or set(entry["published"]) == {"verdict", "value"}
    assert document["schema"] == 2


def test_the_report_holds_numbers_figures_and_the_published_verdict(make: Make) -> None:
    project = make()
    ran = project.run("--claims", "order.*", "--claims", "pi.*", "--seed", "7", "--budget", "quick")
    entry = ran.entries["order.high"]
    assert entry["estimate"] == {
        "value": 1.0, "low": 0.9, "high": 1.1, "level": 0.95, "method": "bootstrap", "n": 20, "unit": "",
        "population": [], "units": [],
    }  # fmt: skip
    assert entry["threshold"] == 0.0
    assert entry["detail"]["per_word"] == [1.0, None]
    assert entry["figures"] == ["figures/tiny/order.high/line.png"]
    assert (project.report / "figures/tiny/order.high/line.png").read_bytes().startswith(b"\x89PNG")
    assert ran.entries["pi.low-as-published"]["published"] == {"verdict": "refuted", "value": "gpt2: 0.2"}
    assert ran.document is not None
    assert (ran.document["run"]["seed"], ran.document["run"]["budget"]) == (7, "quick")
    assert ran.document["run"]["notices"] == ["the corpus is generated"]
    assert sorted(path.name for path in project.report.iterdir()) == [
        "figures", "report.html", "verdicts.json", "verdicts.md",
    ]  # fmt: skip
    assert [path.name for path in project.report.parent.iterdir()] == ["latest"]


@pytest.mark.parametrize("given", [("--model", "nonsense"), ()])
@pytest.mark.parametrize("workers", [(), ("-n", "2")])
def test_what_cannot_run_is_refused_in_one_line(make: Make, given: tuple[str, ...], workers: tuple[str, ...]) -> None:
    project = make()
    if not given:
        project.write("refuse.txt", "")
    ran = project.run(*given, *workers, plugins=("xdist",) if workers else ())
    sentence = "there is no model 'nonsense': tiny is one" if given else "the packaged lexicon is damaged"
    assert ran.code == 4
    assert f"ERROR: {sentence}" in ran.err + ran.out
    assert "Traceback" not in ran.err + ran.out
    assert not (project.folder / "reports").exists()
    assert not project.opened


@pytest.mark.parametrize(
    ("option", "value", "sentence"),
    [
        ("--device", "tpu", "there is no device 'tpu'"),
        ("--seed", "-1", "a seed is a whole number"),
        ("--memory", "much", "is no amount of memory"),
        ("--budget", "huge", "invalid choice: 'huge'"),
        ("--out", ".", "holds the current folder"),
        ("--out", "test_it.py", "is a file"),
        ("--corpus", "", "nothing is given"),
        ("--model", "x" * 5000, "cannot be looked up: File name too long"),
    ],
)
def test_bad_options_are_refused(make: Make, option: str, value: str, sentence: str) -> None:
    ran = make().run(f"{option}={value}")
    assert ran.code == 4
    assert sentence in ran.err
    assert "Traceback" not in ran.err


def test_a_model_that_breaks_or_does_not_fit_spoils_only_its_own_claims(make: Make) -> None:
    project = make()
    models = ("--model=tiny", "--model=broken", "--model=unfit")
    ran = project.run(*models, "--claims=order.high", "--claims=order.near")
    assert ran.code == 1
    assert ran.document is not None
    found = {(entry["id"], entry["model"]): entry for entry in ran.document["claims"]}
    assert found["order.high", "tiny"]["verdict"] == "supported"
    assert found["order.high", "broken"]["outcome"] == "error"
    assert found["order.high", "broken"]["reason"] == "the weights of broken are cut short: fetch them again"
    assert found["order.near", "unfit"]["verdict"] == "not-applicable"
    assert found["order.near", "unfit"]["reason"] == "unfit cannot be studied here"
    assert project.opened == ["tiny", "broken", "unfit"]
    assert ran.word("test_high[broken]") == "ERROR"


@pytest.mark.slow
def test_workers_report_to_one_table_and_one_file(make: Make) -> None:
    project = make()
    alone = project.run("--model", "gpt2")
    shared = project.run("--model", "gpt2", "-n", "2", "--dist", "loadgroup", plugins=("xdist",))
    assert shared.code == alone.code == 1
    assert "2 inconclusive" in shared.out
    assert shared.out.count("= verdicts =") == 1
    assert shared.document is not None
    assert alone.document is not None
    assert shared.document["summary"] == alone.document["summary"]
    assert set(shared.entries) == set(alone.entries)
    for name, entry in shared.entries.items():
        timeless = {key: value for key, value in entry.items() if key != "seconds"}
        assert timeless == {key: alone.entries[name][key] for key in timeless}
    assert (project.report / "figures/gpt2/order.high/line.png").exists()


INTERRUPTED = """
from stubs import *
@declare("z.interrupted")
def test_interrupted(study, judge):
    raise KeyboardInterrupt
@declare("z.later")
def test_later(study, judge):
    judge(HIGH, control=LOW)
"""


def test_an_interrupted_run_reports_what_it_has(make: Make) -> None:
    ran = make(INTERRUPTED).run("--claims=order.high", "--claims=z.*")
    assert ran.code == 2
    assert set(ran.entries) == {"order.high"}
    assert ran.document is not None
    assert "interrupted: the run ended before all claims were judged" in ran.document["run"]["notices"]


def test_a_run_cut_by_its_first_failure_says_so(make: Make) -> None:
    project = make()
    ran = project.run("-x", "--claims=order.*")
    assert ran.code == 1
    assert ran.document is not None
    assert ran.document["run"]["notices"][-1].startswith("interrupted")
    ran = project.run("-x", "--claims=order.low")
    assert ran.document is not None
    assert ran.document["run"]["notices"] == ["the corpus is generated"]


CRASHING = """
import os
from stubs import *
@declare("z.crash")
def test_crash(study, judge):
    os._exit(3)
"""


@pytest.mark.slow
def test_a_crashed_worker_is_named(make: Make) -> None:
    ran = make(CRASHING).run("-n1", "--claims=order.high", "--claims=z.crash", plugins=("xdist",))
    assert ran.code == 1
    assert set(ran.entries) == {"order.high"}
    assert ran.document is not None
    assert any("test_crash[tiny] crashed its worker" in notice for notice in ran.document["run"]["notices"])


BLOCKING = """
from stubs import *
@declare("z.block")
def test_block(study, judge):
    from pathlib import Path
    Path("reports").write_text("in the way")
    judge(HIGH, control=LOW)
"""


def test_a_report_that_cannot_be_written_fails_the_run(make: Make) -> None:
    project = make(BLOCKING)
    ran = project.run("--claims=z.block")
    assert ran.code == 1
    assert "ERROR: the report cannot be written to" in ran.out
    assert "z.block" in ran.out.partition("= verdicts =")[2]
    assert "report: " not in ran.out
    assert ran.document is None


@pytest.mark.slow
def test_a_new_report_replaces_the_old_and_spares_other_files(make: Make) -> None:
    project = make()
    project.run("--claims=order.high")
    (project.report / "notes.txt").write_text("mine")
    ran = project.run("--claims=order.near")
    assert set(ran.entries) == {"order.near"}
    assert (project.report / "notes.txt").read_text() == "mine"
    assert not (project.report / "figures").exists()


def test_junit_reports_carry_the_verdict(make: Make) -> None:
    project = make()
    project.run("--claims=order.near", "--junitxml=junit.xml")
    written = (project.folder / "junit.xml").read_text()
    assert '<property name="verdict" value="inconclusive"' in written


def test_stored_json_is_standard(make: Make) -> None:
    project = make()
    project.run("--claims=order.high")
    text = (project.report / "verdicts.json").read_text()
    assert "NaN" not in text
    assert "Infinity" not in text
    assert os.fspath(project.folder) not in json.dumps(json.loads(text)["claims"])
