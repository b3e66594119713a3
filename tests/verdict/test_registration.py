"""Registration: what was said before measuring cannot be changed silently."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from semphase.errors import SemphaseError
from semphase.verdict import Claim, above
from semphase.verdict.frozen import Frozen
from semphase.verdict.registration import amend, check_registration, re_implement, register
from semphase.verdict.registry import UNIVERSES, read

CLAIM = Claim("a.one", "s", "r > 0.96", (above(0.96, "r"),), "min", "001", "random")


def frozen(code: str = "c", **change: Any) -> Frozen:
    claim = dataclasses.replace(CLAIM, **change)
    return Frozen(claim, claim.fingerprint(), code)


ONE, TWO, NEW = frozen(), frozen(id="a.two", unit="nats"), frozen(id="a.new")
STRICTER, REWRITTEN = frozen(parts=(above(0.97, "r"),)), frozen("d")


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
    assert (line.id, line.reason, line.rule) == ("a.one", "typo", STRICTER.rule)
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


def test_weakening_the_control_shows_and_so_does_other_code(path: Path) -> None:
    (text,) = check_registration([frozen(control="none: it always fails"), TWO], path)
    assert text.startswith("a.one differs from its registration of 20")
    (code,) = check_registration([REWRITTEN, TWO], path)
    assert code.startswith("the code of a.one differs from its registration of 20")
    with pytest.raises(SemphaseError, match=r"the code of a\.one differs"):
        register([REWRITTEN], path)


def test_an_output_is_kept_and_equal_output_makes_new_code_a_re_implementation(path: Path) -> None:
    (kept,) = re_implement([ONE, TWO], path, {"a.one": {"tiny": "1"}}, "r")
    assert (kept.id, kept.golden, read(path).registration(ONE).status) == ("a.one", {"tiny": "1"}, "registered")
    assert re_implement([ONE, TWO], path, {"a.one": {"tiny": "1"}}, "r") == []
    (line,) = re_implement([REWRITTEN, TWO], path, {"a.one": {"tiny": "1"}}, "r")
    assert (line.code, line.reason.partition(":")[0]) == ("d", "re-implemented")
    assert read(path).registration(REWRITTEN).status == "re-implemented"
    assert check_registration([REWRITTEN, TWO], path) == []


@pytest.mark.parametrize(
    ("own", "output", "sentence"),
    [
        (REWRITTEN, {"tiny": "2"}, r"the run r found another output of a\.one than the one that was kept on 20"),
        (REWRITTEN, {"gpt2": "1"}, r"the run r cannot show that a\.one finds what it found"),
        (REWRITTEN, {}, r"the run r cannot show that a\.one finds what it found"),
        (ONE, {"tiny": "2"}, r"the run r found another output of a\.one"),
        (STRICTER, {"tiny": "1"}, r"a\.one differs from its registration of 20"),
    ],
)
def test_another_output_or_rule_is_no_re_implementation(
    path: Path, own: Frozen, output: dict[str, str], sentence: str
) -> None:
    re_implement([ONE, TWO], path, {"a.one": {"tiny": "1"}}, "r")
    before = path.read_bytes()
    with pytest.raises(SemphaseError, match=sentence):
        re_implement([own, NEW], path, {"a.one": output}, "r")
    assert path.read_bytes() == before


def test_an_amendment_is_not_taken_back_by_new_code(path: Path) -> None:
    amend([STRICTER], path, "typo")
    re_implement([STRICTER], path, {"a.one": {"tiny": "1"}}, "r")
    again = frozen("d", parts=(above(0.97, "r"),))
    re_implement([again], path, {"a.one": {"tiny": "1"}}, "r")
    assert read(path).registration(again).status == "amended"


def test_an_amendment_takes_in_the_lines_from_before_code_was_hashed(tmp_path: Path) -> None:
    told = {name: getattr(CLAIM, name) for name in ("statement", "criterion", "combine", "estimator", "unit")}
    text = json.dumps(told | {"parts": [repr(part) for part in CLAIM.parts]}, sort_keys=True)
    rule = hashlib.sha256(text.encode()).hexdigest()
    line = {"id": "a.one", "date": "2026-01-31", "reason": "", "rule": rule, "previous": None}
    (path := tmp_path / "registry.jsonl").write_text(json.dumps(line) + "\n")
    assert check_registration([REWRITTEN], path) == register([REWRITTEN], path) == []
    (new,) = amend([ONE], path, "code is hashed now")
    assert (new.rule, new.code, new.reason) == (ONE.rule, "c", "code is hashed now")
    assert check_registration([REWRITTEN], path) != []
    assert amend([ONE], path, "once more") == []


def test_universes_that_were_kept_have_to_be_shown_too(path: Path) -> None:
    whole = {"tiny": "1", f"tiny{UNIVERSES}": "u"}
    re_implement([ONE], path, {"a.one": whole}, "r")
    with pytest.raises(
        SemphaseError, match=r"the run r judged a\.one in no universe, and what its universes found is kept"
    ):
        re_implement([REWRITTEN], path, {"a.one": {"tiny": "1"}}, "r")
    with pytest.raises(SemphaseError, match=r"another output of a\.one"):
        re_implement([REWRITTEN], path, {"a.one": {**whole, f"tiny{UNIVERSES}": "v"}}, "r")
    assert len(read(path).lines) == 3
    (line,) = re_implement([REWRITTEN], path, {"a.one": whole}, "r")
    assert line.reason.startswith("re-implemented")


def test_another_output_of_the_same_code_is_amended_with_a_reason_and_stays_amended(path: Path) -> None:
    re_implement([ONE], path, {"a.one": {"tiny": "1", "gpt2": "5"}}, "r")
    assert amend([ONE], path, "new data", {"a.one": {"tiny": "1"}}) == []
    (line,) = amend([ONE], path, "new data", {"a.one": {"tiny": "2"}})
    assert (line.golden, line.reason) == ({"tiny": "2"}, "new data")
    assert read(path).registration(ONE).status == "amended"
