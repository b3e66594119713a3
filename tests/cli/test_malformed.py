"""A report in which anything was deleted or is of another kind: every command says so in a sentence, or takes it."""

from __future__ import annotations

import copy
import json
import os
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from command import SOURCE
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from semphase.cli.app import main
from semphase.cli.declared import find
from semphase.report.form import misfits
from semphase.report.schema import Entry, Run
from semphase.verdict.registration import register
from semphase.verdict.registry import read

SAMPLE = Path(__file__).parents[2] / "reports" / "sample" / "verdicts.json"
NAMES = ("a.one", "a.two")
ODD: tuple[Any, ...] = (
    None, True, -1, 0, 2.5, 10**400, "", "x", "a.one", "\ud800", "\x00", [], {}, [[]], [None], ["x"], {"x": 1},
)  # fmt: skip
RENAMED = object()
COMMANDS = (
    ("list", "--run", "out"), ("list", "--run", "out", "--json"), ("show", "out", "a.one"),
    ("show", "out", "a.two", "--json"), ("power", "out"), ("power", "out", "a.two"), ("power", "out", "--json"),
    ("render", "out", "--out", "rendered"), ("render", "out", "--json"),
    ("check", ".", "--against", "out"), ("register", "test_a.py", "--run", "out"),
    ("register", "test_a.py", "--amend", "--reason", "x", "--run", "out"),
)  # fmt: skip


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with two registered claims, in which the commands run."""
    folder, before = tmp_path_factory.mktemp("malformed"), Path.cwd()
    import_module("semphase.cli.listing")  # rich, which it shows with, draws a random number when it is imported
    (folder / "test_a.py").write_text(SOURCE)
    (folder / "out").mkdir()
    register(find([folder / "test_a.py"]).frozen, folder / "registry.jsonl")
    os.chdir(folder)
    yield folder
    os.chdir(before)


@pytest.fixture(scope="module")
def report(place: Path) -> dict[str, Any]:
    """Two entries of a real report, one of them undecided, as if they were of these claims."""
    whole = json.loads(SAMPLE.read_text(encoding="utf-8"))
    with_universes = [own for own in whole["claims"] if "universes" in own]
    decided = next(own for own in with_universes if own["verdict"] == "supported")
    undecided = next(own for own in with_universes if own["verdict"] == "inconclusive")
    frozen, known = find([place / "test_a.py"]).frozen, read(place / "registry.jsonl")
    entries = [
        {**entry, "id": own.id, "statement": own.claim.statement, "criterion": own.claim.criterion}
        | {"registration": {"status": "registered", "date": None, "rule": own.rule, "code": own.code}}
        for entry, own in zip((decided, undecided), frozen, strict=True)
    ]
    run = {**whole["run"], "registry": {"registry.jsonl": {"head": known.head, "length": 2}}}
    return {**whole, "run": run, "claims": entries}


def places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every key and every item; of long lists the first alone."""
    inner = value.items() if isinstance(value, dict) else enumerate(value[:2]) if isinstance(value, list) else ()
    for key, item in inner:
        yield (*at, key)
        yield from places(item, (*at, key))


def harmed(whole: dict[str, Any], at: tuple[Any, ...], by: Any) -> dict[str, Any]:
    """The report with one place deleted, or another thing there; as it was where the place is gone."""
    found = copy.deepcopy(whole)
    holder: Any = found
    try:
        for key in at[:-1]:
            holder = holder[key]
        if by is ...:
            del holder[at[-1]]
        elif by is RENAMED and isinstance(holder, dict):
            holder["\ud800\x00"] = holder.pop(at[-1])
        elif by is not RENAMED:
            holder[at[-1]] = by
    except (LookupError, TypeError):
        pass
    return found


def said(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    """The exit code of a command and its error; what it raises is raised."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["semphase", *words])
        with pytest.raises(SystemExit) as end:
            main()
    return int(end.value.code or 0), capsys.readouterr().err


def test_the_report_is_read_by_every_command_as_it_is(
    place: Path, report: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    (place / "out" / "verdicts.json").write_text(json.dumps(report))
    log = (place / "registry.jsonl").read_bytes()
    for words in COMMANDS:
        assert said(capsys, *words) == (0, ""), words
        (place / "registry.jsonl").write_bytes(log)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_no_harm_to_a_report_is_a_traceback(
    place: Path, report: dict[str, Any], capsys: pytest.CaptureFixture[str], data: st.DataObject
) -> None:
    log = (place / "registry.jsonl").read_bytes()
    found, listed = report, list(places(report))
    for _ in range(data.draw(st.integers(1, 2))):
        found = harmed(found, data.draw(st.sampled_from(listed)), data.draw(st.sampled_from((..., RENAMED, *ODD))))
    (place / "out" / "verdicts.json").write_text(json.dumps(found))
    for words in COMMANDS:
        code, err = said(capsys, *words)
        (place / "registry.jsonl").write_bytes(log)
        assert (code, len(err.splitlines())) in ((0, 0), (1, 1)), (words, err)


@pytest.mark.parametrize(
    ("at", "by", "sentence"),
    [
        (("claims", 0, "estimate", "value"), "x", "claim 1.estimate.value is 'x', not a number or null"),
        (("claims", 0, "estimate", "n"), ..., "claim 1.estimate lacks n"),
        (("claims", 0), None, "claim 1 is None, not an object with keys"),
        (
            ("claims", 1, "detail", "parts", 0, "deciding"),
            1,
            "claim 2.detail.parts[0].deciding is 1, not true or false",
        ),
        (("claims", 0, "outcome"), "won", "claim 1.outcome is 'won', not one of passed, failed"),
        (("claims", 0, "universes", "list"), {}, "claim 1.universes.list is an object, not a list"),
        (
            ("run", "registry", "registry.jsonl", "length"),
            "2",
            "run.registry['registry.jsonl'].length is '2', not a whole",
        ),
        (("run", "models", 0, "name"), ..., "run.models[0] lacks name"),
        (("run", "corpus"), [], "run.corpus is a list, not"),
        (("summary", "firm"), True, "summary.firm is True, not a whole number"),
        (("claims", 0, "seconds"), 10**400, "claim 1.seconds is 1000"),
    ],
)
def test_the_key_is_named(
    place: Path, report: dict[str, Any], capsys: pytest.CaptureFixture[str], at: tuple[Any, ...], by: Any, sentence: str
) -> None:
    (place / "out" / "verdicts.json").write_text(json.dumps(harmed(report, at, by)))
    code, err = said(capsys, "show", "out", "a.one")
    assert code == 1
    assert err.startswith(f"semphase: the report out/verdicts.json is broken: {sentence}"), err


def test_a_registry_whose_path_no_file_can_have_is_none_of_ours(
    place: Path, report: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    found = harmed(report, ("run", "registry", "registry.jsonl"), RENAMED)
    (place / "out" / "verdicts.json").write_text(json.dumps(found))
    assert said(capsys, "list", "--run", "out") == (0, "")


@pytest.mark.parametrize("content", ['{"schema": NaN}', '{"schema": 1' + "0" * 5000 + "}", '{"a": ' * 3000, "1e999"])
def test_what_is_no_json_of_ours_is_told(place: Path, capsys: pytest.CaptureFixture[str], content: str) -> None:
    (place / "out" / "verdicts.json").write_text(content)
    code, err = said(capsys, "power", "out")
    assert (code, len(err.splitlines())) == (1, 1)


def test_what_is_nested_too_deep_is_told(report: dict[str, Any]) -> None:
    deep: Any = []
    for _ in range(200):
        deep = [deep]
    (wrong,) = misfits({**report["claims"][0], "detail": {"mine": deep}}, Entry, "claim 1")
    assert wrong == "claim 1.detail['mine'] is nested deeper than 100 levels"
    assert list(misfits(report["run"], Run, "run")) == []


@pytest.mark.parametrize(
    "words",
    [("list",), ("register",), ("check",), ("power",), ("render",), ("show", "ID"), ("check", ".", "--against"),
     ("list", "--run"), ("register", "test_a.py", "--run")],
)  # fmt: skip
def test_a_path_longer_than_any_is_a_sentence(
    place: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    long = "x" * 5000
    given = ("show", long, "a.one") if "ID" in words else (*words, long)
    code, err = said(capsys, *given)
    assert (code, len(err.splitlines())) == (1, 1)
    assert err.startswith("semphase: ")
    assert len(err) < 500
