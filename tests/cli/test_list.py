"""`semphase list`: status and verdict of every claim; no model, no torch."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from command import Run, entry

import semphase

Report = Callable[..., Path]
CLAIMS = Path(__file__).parents[2] / "claims"


def statuses(run: Run, *words: str) -> dict[str, str]:
    return {row["id"]: row["registration"]["status"] for row in run("list", *words, "--json").json["claims"]}


def test_claims_change_their_status(run: Run, folder: Path) -> None:
    assert statuses(run) == {"a.one": "unregistered", "a.two": "unregistered"}
    assert run("register", "test_a.py").code == 0
    assert statuses(run) == {"a.one": "registered", "a.two": "registered"}
    source = (folder / "test_a.py").read_text()
    (folder / "test_a.py").write_text(source.replace("0.96", "0.95"))
    assert statuses(run) == {"a.one": "changed", "a.two": "registered"}
    assert "1 registered, 1 changed since, 0 unregistered" in run("list").out


def test_a_verdict_under_another_rule_is_not_shown(run: Run, folder: Path, report: Report) -> None:
    report("reports/latest", entry("gpt2"))
    assert len(run("list", "--json").json["claims"][0]["verdicts"]) == 1
    source = (folder / "test_a.py").read_text()
    (folder / "test_a.py").write_text(source.replace("0.96", "1000"))
    assert run("list", "--json").json["claims"][0]["verdicts"] == []


def test_the_keys_for_programs(run: Run, report: Report) -> None:
    report("reports/latest", entry("gpt2"), entry("tiny"))
    run("register", "test_a.py")
    told = run("list", "test_a.py", "--json").json
    assert set(told) == {"claims", "gone", "registries", "run", "notices", "problems"}
    one, two = told["claims"]
    assert one.pop("registration")["date"]
    assert one == {
        "id": "a.one", "group": "a", "statement": "one is large", "criterion": "r > 0.96", "source": "001",
        "file": "test_a.py",
        "verdicts": [
            {"model": "gpt2", "verdict": "supported", "outcome": "passed"},
            {"model": "tiny", "verdict": "supported", "outcome": "passed"},
        ],
    }  # fmt: skip
    assert two["verdicts"] == []
    (registry,) = told["registries"]
    assert (registry["path"], registry["length"], told["run"]) == ("registry.jsonl", 2, "reports/latest")


def test_claims_are_found_in_claims_else_here_and_in_folders_below(run: Run, folder: Path) -> None:
    (folder / "claims" / "deep").mkdir(parents=True)
    (folder / "claims" / "helper.py").write_text("ID = 'b.one'\n")
    told = (folder / "test_a.py").read_text().replace("a.one", "b.one").replace("a.two", "b.two")
    (folder / "claims" / "deep" / "test_b.py").write_text("import dataclasses\n" + told)
    (folder / "claims" / "test_c.py").write_text("import helper\nfrom deep.test_b import test_one\n")
    for hidden in (".cache", "venv/lib"):
        (folder / "claims" / hidden).mkdir(parents=True)
        (folder / "claims" / hidden / "test_d.py").write_text("raise SystemExit\n")
    (folder / "claims" / "venv" / "pyvenv.cfg").write_text("")
    assert list(statuses(run)) == ["b.one", "b.two"]
    assert set(statuses(run, "test_a.py", "claims")) == {"a.one", "a.two", "b.one", "b.two"}


def test_helpers_of_one_name_in_two_folders_are_not_mixed_up(run: Run, folder: Path) -> None:
    source = (folder / "test_a.py").read_text()
    for name in ("x", "y"):
        (folder / name).mkdir()
        (folder / name / "helper.py").write_text(f"NAME = {name!r}\n")
        told = source.replace('"a.one"', "f'{NAME}.one'").replace('"a.two"', "f'{NAME}.two'")
        (folder / name / f"test_{name}.py").write_text("from helper import NAME\n" + told)
    assert list(statuses(run, "x", "y")) == ["x.one", "x.two", "y.one", "y.two"]


def test_claims_in_classes_count_and_each_once(run: Run, folder: Path) -> None:
    told = (folder / "test_a.py").read_text().replace("@claim", "    @claim").replace("\ndef", "\n    def")
    inside = told.replace('    @claim("a.one"', 'class TestA:\n    @claim("a.one"')
    (folder / "test_a.py").write_text(inside + "\ntest_again = TestA.test_one\n")
    assert [row["id"] for row in run("list", "--json").json["claims"]] == ["a.one", "a.two"]


def test_a_claim_that_is_registered_but_gone_is_named(run: Run, folder: Path) -> None:
    run("register", "test_a.py")
    (folder / "test_a.py").write_text((folder / "test_a.py").read_text().replace("a.two", "a.new"))
    assert run("list", ".", "--json").json["gone"] == ["a.two"]
    assert run("list", "test_a.py", "--json").json["gone"] == []
    assert "registered but no longer judged: a.two" in run("list").out


def test_a_file_that_skips_itself_is_a_notice(run: Run, folder: Path) -> None:
    (folder / "test_b.py").write_text("import pytest\npytest.importorskip('no_such_module')\n")
    told = run("list", "--json").json
    assert [row["id"] for row in told["claims"]] == ["a.one", "a.two"]
    assert "test_b.py is left out: could not import 'no_such_module'" in told["notices"][0]


@pytest.mark.parametrize("place", ["test_a.py", str(CLAIMS)])
def test_no_torch_and_no_model(folder: Path, place: str) -> None:
    """Neither the command nor a claim needs a slow package to be listed."""
    program = (
        f"import sys\nsys.argv = ['semphase', 'list', {place!r}, '--json']\n"
        "from semphase.cli.app import main\n"
        "try:\n    main()\nexcept SystemExit as done:\n    assert not done.code\n"
        "slow = {'torch', 'transformers', 'scipy.stats', 'xarray', 'matplotlib', 'datasets'}\n"
        "assert not slow & set(sys.modules), slow & set(sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=folder,
        env={"PYTHONPATH": str(Path(semphase.__path__[0]).parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("width", [20, 40, 80, 200])
def test_every_width_is_kept(run: Run, report: Report, width: int) -> None:
    report("reports/latest", entry())
    out = run("list", width=width).out
    assert max(map(len, out.splitlines())) <= width
    assert width < 40 or all(word in out for word in ("a.one", "unregistered", "supported"))


@pytest.mark.parametrize("environment", [{"NO_COLOR": "1", "FORCE_COLOR": "1"}, {"TERM": "dumb"}, {}])
def test_no_colours_where_they_are_not_wanted(run: Run, environment: dict[str, str]) -> None:
    out = run("list", **environment).out
    assert "\x1b[3" not in out
    assert "a.one" in out


def test_colours_where_they_are(run: Run) -> None:
    run("register", "test_a.py")
    assert "\x1b[32m" in run("list", FORCE_COLOR="1", TERM="xterm").out


def test_a_registry_that_was_edited_or_cut_is_refused(run: Run, folder: Path) -> None:
    run("register", "test_a.py")
    path = folder / "registry.jsonl"
    whole = path.read_text()
    path.write_text(whole.replace("a.one", "a.ono", 1))
    assert "line 2 of the registry registry.jsonl does not follow from the one before it" in run("list").refusal
    path.write_text(whole[:-20])
    assert "registry.jsonl is cut short in line 2" in run("list").refusal


def test_a_registry_that_lost_what_a_run_saw_is_told(run: Run, folder: Path, report: Report) -> None:
    run("register", "test_a.py")
    path = folder / "registry.jsonl"
    (known,) = run("list", "--json").json["registries"]
    seen = {"registry.jsonl": {"head": known["head"], "length": known["length"]}}
    report("reports/latest", entry(), registry=seen)
    assert run("list").code == 0
    first = path.read_text().splitlines(keepends=True)[0]
    path.write_text(first)
    ran = run("list")
    assert ran.code == 1
    assert "the registry registry.jsonl no longer holds the 2 lines that the run saw" in ran.err
    assert "a.two" in ran.out


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("list", "nowhere.py"), "nowhere.py is not there: name a test file"),
        (("list", "README.md"), "README.md is no Python file: name a test file"),
        (("list", "broken.py"), "broken.py cannot be imported: SyntaxError"),
        (("list", "missing.py"), "missing.py cannot be imported: ModuleNotFoundError: No module named 'no_such_thing'"),
        (("list", "--run", "nowhere"), "there is no report to read at nowhere: No such file or directory"),
    ],
)
def test_bad_input_is_told_in_one_sentence(run: Run, folder: Path, words: tuple[str, ...], sentence: str) -> None:
    (folder / "README.md").write_text("")
    (folder / "broken.py").write_text("def test_(:\n")
    (folder / "missing.py").write_text("import no_such_thing\n")
    assert run(*words).refusal.startswith(sentence)


def test_a_latest_report_that_is_broken_is_a_notice_and_a_named_one_an_error(run: Run, folder: Path) -> None:
    (folder / "reports" / "latest").mkdir(parents=True)
    (folder / "reports" / "latest" / "verdicts.json").write_text('{"schema": 1, ')
    assert "reports/latest/verdicts.json is broken" in run("list", "--json").json["notices"][0]
    assert "reports/latest/verdicts.json is broken" in run("list", "--run", "reports/latest").refusal
