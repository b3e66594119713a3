"""Registration: what was said before measuring cannot be changed silently."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from semphase.errors import SemphaseError
from semphase.verdict import Claim, above
from semphase.verdict.registration import amend, check_registration, register
from semphase.verdict.registry import read

ONE = Claim("a.one", "s", "r > 0.96", (above(0.96, "r"),), "min", "001", "random")
TWO = dataclasses.replace(ONE, id="a.two", unit="nats")
STRICTER = dataclasses.replace(ONE, parts=(above(0.97, "r"),))
NEW = dataclasses.replace(ONE, id="a.new")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    register([ONE, TWO], tmp_path / "registry.jsonl")
    return tmp_path / "registry.jsonl"


def test_registered_claims_are_in_order(path: Path) -> None:
    assert check_registration([ONE, TWO], path) == []


def test_an_edited_threshold_without_an_amendment_is_found(path: Path) -> None:
    (problem,) = check_registration([STRICTER, TWO], path)
    assert problem.startswith("a.one differs from its registration of 20")
    assert "--amend" in problem


def test_an_amendment_with_a_reason_allows_the_edit(path: Path) -> None:
    (line,) = amend([STRICTER, TWO], path, "typo")
    assert (line.id, line.reason, line.rule) == ("a.one", "typo", STRICTER.fingerprint())
    assert check_registration([STRICTER, TWO], path) == []
    assert check_registration([ONE, TWO], path) != []


def test_an_amendment_registers_what_is_new_without_a_reason(path: Path) -> None:
    assert [(line.id, line.reason) for line in amend([STRICTER, TWO, NEW], path, "typo")] == [
        ("a.one", "typo"),
        ("a.new", ""),
    ]


def test_new_vanished_and_doubled_claims_are_found(path: Path) -> None:
    problems = check_registration([ONE, ONE, NEW], path)
    assert [problem.partition(":")[0] for problem in problems] == [
        "two claims have the id a.one",
        "a.new is not registered",
        "a.two is registered but no longer judged",
    ]


def test_registering_keeps_what_is_there(path: Path) -> None:
    before = path.read_bytes()
    assert [line.id for line in register([ONE, TWO, NEW], path)] == ["a.new"]
    assert path.read_bytes().startswith(before)
    assert register([ONE, TWO, NEW], path) == []
    assert len(read(path).lines) == 3


def test_registering_refuses_changed_claims_and_writes_nothing(path: Path) -> None:
    before = path.read_bytes()
    with pytest.raises(SemphaseError, match=r"a\.one differs from its registration"):
        register([STRICTER, TWO, NEW], path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("write", [register, lambda claims, path: amend(claims, path, "why")])
def test_an_id_that_is_declared_twice_is_refused(tmp_path: Path, write) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(SemphaseError, match=r"two claims have the id a\.one"):
        write([ONE, STRICTER], tmp_path / "registry.jsonl")
    assert not (tmp_path / "registry.jsonl").exists()
