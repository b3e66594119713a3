"""`semphase register`: claims go into the registry beside their file, and nothing comes out."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from command import SOURCE, Run, entry

from semphase.cli.declared import find
from semphase.report.schema import Entry
from semphase.verdict.registry import read


def rows(folder: Path) -> list[dict[str, str]]:
    return [json.loads(row) for row in (folder / "registry.jsonl").read_text().splitlines()]


def test_new_claims_are_appended_and_told(run: Run, folder: Path) -> None:
    ran = run("register", "test_a.py")
    assert ran.out.startswith("registered a.one\nregistered a.two\nregistry.jsonl: 2 lines, head ")
    assert [row["id"] for row in rows(folder)] == ["a.one", "a.two"]
    before = (folder / "registry.jsonl").read_bytes()
    assert "2 registered before, unchanged" in run("register", ".").out
    assert (folder / "registry.jsonl").read_bytes() == before


def test_the_keys_for_programs(run: Run, folder: Path) -> None:
    told = run("register", "test_a.py", "--json").json
    assert set(told) == {"registered", "unchanged", "registries", "notices"}
    shown = [
        {key: value for key, value in row.items() if key not in ("registry", "golden")} for row in told["registered"]
    ]
    assert shown == rows(folder)
    assert {row["registry"] for row in told["registered"]} == {"registry.jsonl"}
    assert run("register", "test_a.py", "--json").json["unchanged"] == 2


@pytest.mark.slow
def test_a_changed_claim_needs_an_amendment_with_a_reason(run: Run, folder: Path) -> None:
    run("register", "test_a.py")
    before = (folder / "registry.jsonl").read_bytes()
    source = (folder / "test_a.py").read_text()
    (folder / "test_a.py").write_text(source.replace("0.96", "0.95").replace("a.two", "a.new"))
    assert run("register", "test_a.py").refusal.startswith("a.one differs from its registration of ")
    assert run("register", "test_a.py", "--amend").refusal.startswith("an amendment needs its reason")
    assert run("register", "test_a.py", "--amend", "--reason", " ").refusal.startswith("an amendment needs its reason")
    assert run("register", "test_a.py", "--reason", "typo").refusal.startswith("--reason is for changed claims")
    assert (folder / "registry.jsonl").read_bytes() == before
    told = run("register", "test_a.py", "--amend", "--reason", "typo").out
    assert told.startswith("registered a.one, amended: typo\nregistered a.new\n")
    assert (folder / "registry.jsonl").read_bytes().startswith(before)
    assert [(row["id"], row["reason"]) for row in rows(folder)[2:]] == [("a.one", "typo"), ("a.new", "")]


def test_each_folder_has_a_registry_of_its_own_and_all_is_checked_before_anything_is_written(
    run: Run, folder: Path
) -> None:
    source = (folder / "test_a.py").read_text()
    for name in ("x", "y"):
        (folder / name).mkdir()
        (folder / name / f"test_{name}.py").write_text(source.replace('"a.', f'"{name}.'))
    run("register", "y")
    assert [row["id"] for row in rows(folder / "y")] == ["y.one", "y.two"]
    (folder / "y" / "test_y.py").write_text((folder / "y" / "test_y.py").read_text().replace("0.5", "0.6"))
    assert run("register", "x", "y").refusal.startswith("y.two differs")
    assert not (folder / "x" / "registry.jsonl").exists()
    assert run("register", "x", "y", "--amend", "--reason", "looser").code == 0
    assert [row["id"] for row in rows(folder / "x")] == ["x.one", "x.two"]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("nowhere.py",), "nowhere.py is not there: name a test file"),
        (("test_none.py",), "no claim is declared in test_none.py"),
        (("test_twice.py",), "two claims have the id a.one"),
        (("test_refused.py",), "test_refused.py: a.x: there is no universe 'raw'"),
    ],
)
def test_bad_input_is_told_in_one_sentence(run: Run, folder: Path, words: tuple[str, ...], sentence: str) -> None:
    source = (folder / "test_a.py").read_text()
    (folder / "test_none.py").write_text("def test_nothing(): ...\n")
    (folder / "test_twice.py").write_text(source.replace("a.two", "a.one"))
    (folder / "test_refused.py").write_text(source.replace('"a.one",', '"a.x", universes=("raw",),'))
    assert run("register", *words).refusal.startswith(sentence)
    assert not (folder / "registry.jsonl").exists()


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        (
            "import sys; sys.exit()",
            "test_b.py ends Python when it is imported (SystemExit: None): have it do so only as",
        ),
        ("raise SystemExit(0)", "test_b.py ends Python when it is imported (SystemExit: 0)"),
        ("import pytest; pytest.fail('no')", "test_b.py cannot be imported: Failed: no"),
        ("import pytest; pytest.exit('no')", "test_b.py cannot be imported: _pytest.outcomes.Exit: no"),
        ("raise BaseException('no')", "test_b.py cannot be imported: BaseException: no"),
    ],
)
def test_a_file_that_ends_its_own_import_is_named(run: Run, folder: Path, line: str, sentence: str) -> None:
    (folder / "test_b.py").write_text(f"{SOURCE.replace('a.', 'b.')}\n{line}\n")
    assert run("register", ".").refusal.startswith(sentence)
    assert not (folder / "registry.jsonl").exists()


def test_an_interrupt_stays_one(folder: Path) -> None:
    (folder / "test_b.py").write_text("raise KeyboardInterrupt\n")
    with pytest.raises(KeyboardInterrupt):
        find([folder])


def test_a_registry_that_was_edited_or_cut_takes_no_more(run: Run, folder: Path) -> None:
    run("register", "test_a.py")
    path = folder / "registry.jsonl"
    whole = path.read_text()
    for damaged, sentence in (
        (whole.replace("a.one", "a.ono", 1), "line 2 of the registry registry.jsonl does not follow"),
        (whole[:-20], "the registry registry.jsonl is cut short in line 2"),
        ("{}\n" + whole, "line 1 of the registry registry.jsonl is no registration"),
    ):
        path.write_text(damaged)
        assert run("register", "test_a.py").refusal.startswith(sentence)
        assert path.read_text() == damaged


def test_a_file_is_needed(run: Run) -> None:
    ran = run("register")
    assert (ran.code, ran.out) == (2, "")
    assert "Missing argument 'FILE...'" in ran.err


REWRITTEN = SOURCE.replace("def test_one(study, judge): ...", "def test_one(study, judge): return None")


def judged(folder: Path, value: float = 0.97) -> Entry:
    """What a run found for a.one as the file has it now."""
    own = next(own for own in find([folder / "test_a.py"]).frozen if own.id == "a.one")
    told = entry()
    assert told["estimate"] is not None
    return {
        **told,
        "estimate": {**told["estimate"], "value": value},
        "registration": {"status": "registered", "date": None, "rule": own.rule, "code": own.code},
    }


@pytest.mark.slow
def test_new_code_that_finds_the_same_needs_no_amendment(run: Run, folder: Path, report: Callable[..., Path]) -> None:
    run("register", "test_a.py")
    report("first", judged(folder))
    assert run("register", "test_a.py", "--run", "first").out.startswith(
        "registered a.one, output of the run first kept"
    )
    (folder / "test_a.py").write_text(REWRITTEN)
    assert run("register", "test_a.py").refusal.startswith("the code of a.one differs from its registration of 20")
    assert run("register", "test_a.py", "--run", "first").refusal.endswith(
        "and the run first did not judge it as it is: judge it again"
    )
    report("other", judged(folder, 0.98))
    before = (folder / "registry.jsonl").read_bytes()
    refused = run("register", "test_a.py", "--run", "other").refusal
    assert refused.startswith("the run other found another output of a.one than the one that was kept on 20")
    assert (folder / "registry.jsonl").read_bytes() == before
    assert run("list", "--run", "other", "--json").json["claims"][0]["registration"]["status"] == "changed"
    report("second", judged(folder))
    assert run("list", "--run", "second", "--json").json["claims"][0]["registration"]["status"] == "re-implemented"
    told = run("register", "test_a.py", "--run", "second").out
    assert told.startswith("a.one re-implemented: the output is that of before")
    assert "1 registered, 1 re-implemented, 0 changed since" in run("list").out
    assert "1 registered before, unchanged" in told


@pytest.mark.slow
def test_another_output_of_the_same_code_is_a_change_and_needs_an_amendment(
    run: Run, folder: Path, report: Callable[..., Path]
) -> None:
    run("register", "test_a.py")
    report("first", judged(folder))
    run("register", "test_a.py", "--run", "first")
    known = read(folder / "registry.jsonl")
    report("other", judged(folder, 0.98), registry={"registry.jsonl": {"head": known.head, "length": 3}})
    (told, _) = run("list", "--run", "other", "--json").json["claims"]
    assert told["registration"]["status"] == "changed"
    assert "the output is another than the one kept" in " ".join(run("list", "--run", "other").out.split())
    assert run("register", "test_a.py", "--run", "other").refusal.endswith(
        'undo the change, or register it with --amend --reason "WHY" --run other'
    )
    checked = run("check", ".", "--against", "other")
    sentence = f"the report other holds another output of a.one than the one that was kept on {known.lines[-1].day}"
    assert (checked.code, checked.err.strip()) == (1, f"semphase: {sentence}")
    assert sentence not in " ".join(checked.out.split())
    amended = run("register", "test_a.py", "--amend", "--reason", "new data", "--run", "other").out
    assert amended.startswith("registered a.one, amended: new data\n")
    assert "note: the run other did not judge a.two, so nothing of theirs is kept" in " ".join(amended.split())
    (told, _) = run("list", "--run", "other", "--json").json["claims"]
    assert told["registration"]["status"] == "amended"
    # Both reports are now of outputs that were kept when they were made, or later.
    assert run("check", ".", "--against", "other").code == 0


def test_a_run_that_judged_none_of_the_claims_is_told(run: Run, folder: Path, report: Callable[..., Path]) -> None:
    report("blind")
    refusal = "the run blind did not judge a.one, a.two: judge them, or leave --run out"
    for words in (("--run", "blind"), ("--amend", "--reason", "x", "--run", "blind")):
        assert run("register", "test_a.py", *words).refusal == refusal
    assert not (folder / "registry.jsonl").exists()
    report("first", judged(folder))
    (folder / "test_a.py").write_text(REWRITTEN)
    assert run("register", "test_a.py", "--run", "first").refusal == (
        "the run first did not judge a.one as it is: judge it again"
    )


def test_a_run_has_to_be_there(run: Run) -> None:
    assert run("register", "test_a.py", "--run", "nowhere").refusal.startswith("there is no report to read at nowhere")
