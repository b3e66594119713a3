"""The registry is an append-only chain: whatever is edited, dropped, moved or cut is found."""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import json
import multiprocessing
import tempfile
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semphase.errors import SemphaseError
from semphase.verdict import Claim, above
from semphase.verdict.registry import Line, Registration, append, beside, read

ONE = Claim("a.one", "s", "r > 0.96", (above(0.96, "r"),), "min", "001", "random")
TWO = dataclasses.replace(ONE, id="a.two", unit="nats")
STRICTER = dataclasses.replace(ONE, parts=(above(0.97, "r"),))
DAY = date(2026, 1, 31)


def written(path: Path, *claims: tuple[Claim, str]) -> list[Line]:
    return append(path, lambda known: claims, DAY)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    written(tmp_path / "registry.jsonl", (ONE, ""), (TWO, ""), (STRICTER, "Tippfehler – ε"))
    return tmp_path / "registry.jsonl"


def test_each_line_holds_the_hash_of_the_one_before(path: Path) -> None:
    rows = path.read_bytes().splitlines()
    assert [list(json.loads(row)) for row in rows] == [["id", "date", "reason", "rule", "previous"]] * 3
    assert json.loads(rows[0])["previous"] is None
    for before, after in itertools.pairwise(rows):
        assert json.loads(after)["previous"] == hashlib.sha256(before).hexdigest()
    assert read(path).head == hashlib.sha256(rows[-1]).hexdigest()


def test_appending_keeps_every_byte_that_was_there(path: Path) -> None:
    before = path.read_bytes()
    (line,) = written(path, (ONE, "back again"))
    assert path.read_bytes().startswith(before)
    assert read(path).lines[-1] == line == Line("a.one", "2026-01-31", "back again", ONE.fingerprint(), line.previous)
    assert written(path) == []


def test_the_last_line_of_a_claim_counts(path: Path) -> None:
    known = read(path)
    assert known.registration(STRICTER) == Registration("registered", "2026-01-31")
    assert known.registration(ONE) == Registration("changed", "2026-01-31")
    assert known.registration(TWO) == Registration("registered", "2026-01-31")
    assert known.registration(dataclasses.replace(ONE, id="a.new")) == Registration("unregistered", None)
    assert known.ids() == {"a.one", "a.two"}


def test_a_folder_without_a_registry_has_no_registrations(tmp_path: Path) -> None:
    known = read(beside(tmp_path / "test_a.py"))
    assert (known.lines, known.head) == ((), None)
    assert known.registration(ONE).status == "unregistered"


def test_a_remark_registers_nothing(tmp_path: Path) -> None:
    remark = {"id": None, "date": "2026-01-31", "reason": "renewed", "rule": None, "previous": None}
    (tmp_path / "registry.jsonl").write_text(json.dumps(remark) + "\n")
    assert read(tmp_path / "registry.jsonl").ids() == set()


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
        claim = dataclasses.replace(ONE, id=f"a.{worker}-{number}")
        written(Path(folder) / "registry.jsonl", (claim, ""))


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
