"""Registration: what was said before measuring cannot be changed silently."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from semphase.errors import SemphaseError
from semphase.verdict import Claim, above
from semphase.verdict.quoting import quoted
from semphase.verdict.registration import add, check_registration, claims_in, main

ONE = Claim("a.one", "s", "r > 0.96", (above(0.96, "r"),), "min", "001", "random")
TWO = dataclasses.replace(ONE, id="a.two", unit="nats")
STRICTER = dataclasses.replace(ONE, parts=(above(0.97, "r"),))
SOURCE = """
from semphase import above, claim
@claim("a.one", statement="s", criterion="r > 0.96", parts=above(0.96, "r"), estimator="min", source="001",
       control="random")
def test_one(study, judge): ...
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "registered.toml"
    add([ONE, TWO], file)
    return file


def amend(path: Path, amendment: str) -> None:
    path.write_text(path.read_text().replace("amendments = []", f"amendments = [{amendment}]", 1))


def test_registered_claims_are_in_order(path: Path) -> None:
    assert check_registration([ONE, TWO], path) == []


def test_an_edited_threshold_without_an_amendment_is_found(path: Path) -> None:
    (problem,) = check_registration([STRICTER, TWO], path)
    assert problem.startswith("a.one differs from its registration")
    assert STRICTER.fingerprint() in problem


def test_an_amendment_with_date_and_reason_allows_the_edit(path: Path) -> None:
    amend(path, f'{{ date = "2026-01-31", reason = "typo", hash = "{STRICTER.fingerprint()}" }}')
    assert check_registration([STRICTER, TWO], path) == []
    assert check_registration([ONE, TWO], path) != []


@pytest.mark.parametrize(
    ("amendment", "problem"),
    [
        ('{{ reason = "typo", hash = "{0}" }}', "an amendment of a.one has no date like 2026-01-31"),
        (
            '{{ date = "soon", reason = "typo", hash = "{0}" }}',
            "an amendment of a.one has no date like 2026-01-31",
        ),
        ('{{ date = 2026-01-31, reason = " ", hash = "{0}" }}', "an amendment of a.one gives no reason"),
        ('{{ date = 2026-01-31, hash = "{0}" }}', "an amendment of a.one gives no reason"),
    ],
)
def test_an_amendment_must_be_complete(path: Path, amendment: str, problem: str) -> None:
    amend(path, amendment.format(STRICTER.fingerprint()))
    assert check_registration([STRICTER, TWO], path) == [problem]


def test_an_amendment_without_a_hash_allows_nothing(path: Path) -> None:
    amend(path, '{ date = 2026-01-31, reason = "typo" }')
    problems = check_registration([STRICTER, TWO], path)
    assert len(problems) == 2
    assert "an amendment of a.one has no hash" in problems


def test_new_vanished_and_doubled_claims_are_found(path: Path) -> None:
    new = dataclasses.replace(ONE, id="a.new")
    problems = check_registration([ONE, ONE, new], path)
    assert [problem.partition(":")[0] for problem in problems] == [
        "two claims have the id a.one",
        "a.new is not registered",
        "a.two is registered but no longer judged",
    ]


def test_adding_keeps_what_is_there(path: Path) -> None:
    amend(path, f'{{ date = "2026-01-31", reason = "a \\"typo\\"", hash = "{STRICTER.fingerprint()}" }}')
    before = tomllib.loads(path.read_text())
    new = dataclasses.replace(ONE, id="a.new")
    assert add([STRICTER, TWO, new], path) == ["a.new"]
    after = tomllib.loads(path.read_text())
    assert {name: after[name] for name in before} == before
    assert list(after) == sorted(after)
    assert add([STRICTER, TWO, new], path) == []


def test_adding_refuses_changed_claims_and_writes_nothing(path: Path) -> None:
    before = path.read_text()
    with pytest.raises(SemphaseError, match=r"a\.one differs from its registration"):
        add([STRICTER, TWO, dataclasses.replace(ONE, id="a.new")], path)
    assert path.read_text() == before


@pytest.mark.parametrize("text", ["[[", '"a.one" = 1', '["a.one"]\nhash = 1'])
def test_a_damaged_registration_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "registered.toml").write_text(text)
    with pytest.raises(SemphaseError, match="the registration"):
        check_registration([ONE], tmp_path / "registered.toml")


def test_the_command_registers_checks_and_refuses(tmp_path: Path) -> None:
    folder = tmp_path / "claims"
    folder.mkdir()
    (folder / "helper.py").write_text("")
    (folder / "test_a.py").write_text("import helper\n" + SOURCE)
    (folder / "test_b.py").write_text("from claims.test_a import test_one\n")
    assert [claim.id for claim in claims_in(folder)] == ["a.one"]
    assert main([str(folder)]) == 1
    assert main([str(folder), "--add"]) == 0
    assert main([str(folder)]) == 0
    (folder / "test_a.py").write_text(SOURCE.replace("0.96", "0.95"))
    assert main([str(folder)]) == 1
    assert main([str(folder), "--add"]) == 1


def test_the_module_runs_as_a_program(tmp_path: Path) -> None:
    (tmp_path / "test_a.py").write_text(SOURCE)
    command = [sys.executable, "-W", "error", "-m", "semphase.verdict.registration", str(tmp_path), "--add"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "registered a.one\n", "")


@given(st.text())
def test_any_string_can_be_quoted(text: str) -> None:
    assert tomllib.loads(f"x = {quoted(text)}") == {"x": text}
