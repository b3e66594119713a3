"""The registry is an append-only chain: whatever is edited, dropped, moved or cut is found."""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import json
import multiprocessing
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semphase.errors import SemphaseError
from semphase.verdict import Claim, above
from semphase.verdict.frozen import Frozen
from semphase.verdict.registry import Entered, Golden, Line, append, beside, read

CLAIM = Claim("a.one", "s", "r > 0.96", (above(0.96, "r"),), "min", "001", "random")
NOW = datetime(2026, 1, 31, 12, 30, tzinfo=UTC)
DATE = "2026-01-31T12:30:00.000+00:00"
KEYS = ["id", "date", "reason", "rule", "code", "previous"]


def frozen(code: str = "c", **change: Any) -> Frozen:
    claim = dataclasses.replace(CLAIM, **change)
    return Frozen(claim, claim.fingerprint(), code)


ONE, TWO, STRICTER = frozen(), frozen(id="a.two", unit="nats"), frozen(parts=(above(0.97, "r"),))


def written(path: Path, *claims: tuple[Frozen, str]) -> list[Line]:
    return append(path, lambda known: [Entered(*own) for own in claims], NOW)


def status(path: Path, own: Frozen) -> str:
    return read(path).registration(own).status


def before_code(path: Path, claim: Claim) -> None:
    """A registry with one line of the form that had no hash of code; its rule's hash is made by hand here."""
    told = {name: getattr(claim, name) for name in ("statement", "criterion", "combine", "estimator", "unit")}
    text = json.dumps(told | {"parts": [repr(part) for part in claim.parts]}, sort_keys=True)
    rule = hashlib.sha256(text.encode()).hexdigest()
    line = {"id": claim.id, "date": "2026-01-31", "reason": "", "rule": rule, "previous": None}
    path.write_text(json.dumps(line) + "\n")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    written(tmp_path / "registry.jsonl", (ONE, ""), (TWO, ""), (STRICTER, "Tippfehler – ε"))
    return tmp_path / "registry.jsonl"


def test_each_line_holds_the_hash_of_the_one_before(path: Path) -> None:
    rows = path.read_bytes().splitlines()
    assert [list(json.loads(row)) for row in rows] == [KEYS] * 3
    assert json.loads(rows[0])["previous"] is None
    for before, after in itertools.pairwise(rows):
        assert json.loads(after)["previous"] == hashlib.sha256(before).hexdigest()
    assert read(path).head == hashlib.sha256(rows[-1]).hexdigest()


def test_appending_keeps_every_byte_that_was_there(path: Path) -> None:
    before = path.read_bytes()
    (line,) = written(path, (ONE, "back again"))
    assert path.read_bytes().startswith(before)
    assert read(path).lines[-1] == line == Line("a.one", DATE, "back again", ONE.rule, "c", None, line.previous)
    assert written(path) == []


def test_the_last_line_of_a_claim_counts(path: Path) -> None:
    claims = (STRICTER, ONE, TWO, frozen(id="a.new"))
    told = [read(path).registration(own) for own in claims]
    assert [(found.status, found.date) for found in told] == [
        ("amended", DATE), ("changed", DATE), ("registered", DATE), ("unregistered", None),
    ]  # fmt: skip
    assert all((found.rule, found.code) == (own.rule, "c") for own, found in zip(claims, told, strict=True))
    assert read(path).ids() == {"a.one", "a.two"}


def test_code_counts_as_the_rule_does(path: Path) -> None:
    assert status(path, frozen("d", id="a.two", unit="nats")) == "changed"
    written(path, (frozen("d", id="a.two", unit="nats"), "a better median"))
    assert status(path, frozen("d", id="a.two", unit="nats")) == "amended"
    assert status(path, TWO) == "changed"


def test_a_line_from_before_code_was_hashed_knows_of_no_code_and_no_control(path: Path) -> None:
    before_code(path, CLAIM)
    assert status(path, ONE) == status(path, frozen("d")) == status(path, frozen(control="none: x")) == "registered"
    assert status(path, STRICTER) == "changed"
    written(path, (ONE, "code is hashed now"))
    assert status(path, ONE) == "amended"
    assert status(path, frozen("d")) == status(path, frozen(control="none: x")) == "changed"


@pytest.mark.parametrize(
    ("steps", "found"),
    [
        ([("c", None)], "registered"),
        ([("c", None), ("c", {"x": "1"})], "registered"),
        ([("c", {"x": "1"}), ("d", {"x": "1"})], "re-implemented"),
        ([("c", {"x": "1"}), ("d", {"x": "1"}), ("d", {"x": "1", "y": "2"})], "re-implemented"),
        ([("c", {"x": "1"}), ("d", {"x": "2"})], "amended"),
        ([("c", {"x": "1"}), ("d", {"y": "1"})], "amended"),
        ([("c", {"x": "1"}), ("d", {"x": "1", "y": "2"}), ("e", {"x": "1", "y": "3"})], "amended"),
        ([("c", {"x": "1"}), ("d", None)], "amended"),
        ([("c", None), ("d", {"x": "1"}), ("e", {"x": "1"})], "amended"),
    ],
)
def test_new_code_is_a_re_implementation_where_equal_circumstances_gave_equal_outputs(
    tmp_path: Path, steps: list[tuple[str, Golden | None]], found: str
) -> None:
    path = tmp_path / "registry.jsonl"
    for code, golden in steps:
        one = Entered(frozen(code), "", golden)
        append(path, lambda known, one=one: [one], NOW)  # type: ignore[misc]
    assert status(path, frozen(steps[-1][0])) == found


def test_only_the_first_line_tells_what_came_before_the_measurement(path: Path) -> None:
    append(path, lambda known: [Entered(STRICTER, "later")], NOW + timedelta(days=1))
    assert read(path).registered_after("a.one", NOW - timedelta(seconds=1))
    assert not read(path).registered_after("a.one", NOW)
    assert not read(path).registered_after("a.new", NOW)
    before_code(path, CLAIM)  # a date alone is that day from its beginning
    assert not read(path).registered_after("a.one", datetime(2026, 1, 31, 0, 1, tzinfo=UTC))
    assert read(path).registered_after("a.one", datetime(2026, 1, 30, 23, 59, tzinfo=UTC))


def test_a_folder_without_a_registry_has_no_registrations(tmp_path: Path) -> None:
    known = read(beside(tmp_path / "test_a.py"))
    assert (known.lines, known.head) == ((), None)
    assert known.registration(ONE).status == "unregistered"


def test_a_remark_registers_nothing(tmp_path: Path) -> None:
    remark = {"id": None, "date": "2026-01-31", "reason": "renewed", "rule": None, "previous": None}
    (tmp_path / "registry.jsonl").write_text(json.dumps(remark) + "\n")
    assert read(tmp_path / "registry.jsonl").ids() == set()


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_no_edit_before_the_last_line_goes_unseen(data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "registry.jsonl"
        written(path, (ONE, ""), (TWO, ""), (STRICTER, "typo"))
        content = bytearray(path.read_bytes())
        guarded = content.rstrip(b"\n").rindex(b"\n")  # the chain alone cannot vouch for its last line
        place = data.draw(st.integers(0, guarded - 1))
        content[place] = data.draw(st.integers(0, 255).filter(lambda byte: byte != content[place]))
        path.write_bytes(content)
        with pytest.raises(SemphaseError, match="registry"):
            read(path)


@given(share=st.floats(0, 1))
@settings(max_examples=60, deadline=None)
def test_a_tail_that_is_cut_is_found(share: float) -> None:
    """Inside a line by the chain alone, between lines by what a report saw."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "registry.jsonl"
        written(path, (ONE, ""), (TWO, ""), (STRICTER, "typo"))
        whole, seen = path.read_bytes(), read(path)
        path.write_bytes(cut := whole[: int(share * (len(whole) - 1))])
        if cut and not cut.endswith(b"\n"):
            with pytest.raises(SemphaseError, match="is cut short in line"):
                read(path)
        else:
            assert not read(path).holds(seen.head, len(seen.lines))


def test_dropped_and_swapped_lines_are_found(path: Path) -> None:
    first, second, third = path.read_bytes().splitlines(keepends=True)
    for rows in ([first, third], [second, third], [second, first, third], [first, first, second, third]):
        path.write_bytes(b"".join(rows))
        with pytest.raises(SemphaseError, match=r"line \d of the registry .* does not follow from the one before it"):
            read(path)


def test_a_log_written_anew_does_not_hold_what_a_report_saw(path: Path) -> None:
    seen = read(path)
    path.unlink()
    written(path, (STRICTER, ""), (TWO, ""), (ONE, ""))
    assert len(read(path).lines) == len(seen.lines)
    assert not read(path).holds(seen.head, len(seen.lines))
    assert seen.holds(seen.hashes[1], 2)
    assert seen.holds(None, 0)


def test_line_ends_of_another_system_change_nothing(path: Path) -> None:
    seen = read(path)
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert read(path) == seen


@pytest.mark.parametrize(
    "row",
    [
        b"{",
        b"[]",
        b"1",
        b"\xff",
        b"",
        b'{"id": "a.b", "date": "2026-01-31", "reason": "", "rule": "00"}',
        b'{"id": "a.b", "date": "soon", "reason": "", "rule": "00", "previous": null}',
        b'{"id": 3, "date": "2026-01-31", "reason": "", "rule": "00", "previous": null}',
        b'{"id": "a.b", "date": "2026-01-31", "reason": "", "rule": null, "previous": null}',
        b'{"id": "a.b", "date": "2026-01-31", "reason": null, "rule": "00", "previous": null}',
        b'{"id": "a.b", "date": "2026-01-31", "reason": "", "rule": "00", "code": 1, "previous": null}',
        b'{"id": "a.b", "date": "2026-01-31", "reason": "", "rule": "00", "golden": ["x"], "previous": null}',
    ],
)
def test_what_is_no_registration_is_refused(tmp_path: Path, row: bytes) -> None:
    (tmp_path / "registry.jsonl").write_bytes(row + b"\n")
    with pytest.raises(SemphaseError, match=r"line 1 of the registry .* is no registration"):
        read(tmp_path / "registry.jsonl")


def test_a_damaged_registry_takes_no_more_lines(path: Path) -> None:
    path.write_bytes(damaged := path.read_bytes().replace(b"a.two", b"a.too"))
    with pytest.raises(SemphaseError, match="does not follow"):
        written(path, (ONE, ""))
    assert path.read_bytes() == damaged


def _append_many(folder: str, worker: int) -> None:
    for number in range(8):
        written(Path(folder) / "registry.jsonl", (frozen(id=f"a.{worker}-{number}"), ""))


def test_several_processes_append_without_losing_a_line(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_append_many, args=(str(tmp_path), worker)) for worker in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0] * 4
    assert read(tmp_path / "registry.jsonl").ids() == {f"a.{worker}-{n}" for worker in range(4) for n in range(8)}


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SemphaseError, match="there is no folder"):
        written(tmp_path / "gone" / "registry.jsonl", (ONE, ""))
