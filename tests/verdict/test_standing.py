"""How a claim stands to its registry, by its hashes, by what a run found, and by the dates of the lines."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from semphase.verdict import Claim, above
from semphase.verdict.frozen import Frozen
from semphase.verdict.registration import re_implement
from semphase.verdict.registry import UNIVERSES, Registry, misdated, read
from semphase.verdict.standing import OTHER_OUTPUT, UNSEEN_UNIVERSES, standing

CLAIM = Claim("a.one", "one is large", "r > 0.96", (above(0.96, "r"),), "min", "001", "random direction")
ONE, REWRITTEN = Frozen(CLAIM, "rule", "c"), Frozen(CLAIM, "rule", "d")
OTHER_RULE = Frozen(CLAIM, "another", "c")
KEPT = {"tiny": "1", f"tiny{UNIVERSES}": "u", "gpt2": "5"}
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def known(tmp_path: Path) -> Registry:
    path = tmp_path / "registry.jsonl"
    re_implement([ONE], path, {"a.one": KEPT}, "r")
    return read(path)


@pytest.mark.parametrize(
    ("own", "found", "status", "remarks"),
    [
        (ONE, {}, "registered", ()),
        (ONE, {"tiny": "1"}, "registered", ()),
        (ONE, {"tiny": "2"}, "changed", (OTHER_OUTPUT,)),
        (ONE, {"other": "2"}, "registered", ()),
        (ONE, {"tiny": "1", f"tiny{UNIVERSES}": "v"}, "changed", (OTHER_OUTPUT,)),
        (REWRITTEN, {"tiny": "1", f"tiny{UNIVERSES}": "u"}, "re-implemented", ()),
        (REWRITTEN, {"tiny": "1", f"tiny{UNIVERSES}": "v"}, "changed", (OTHER_OUTPUT,)),
        (REWRITTEN, {"tiny": "1"}, "re-implemented", (UNSEEN_UNIVERSES,)),
        (REWRITTEN, {"gpt2": "5", f"gpt2{UNIVERSES}": "w"}, "re-implemented", (UNSEEN_UNIVERSES,)),
        (REWRITTEN, {"gpt2": "5"}, "re-implemented", ()),
        (REWRITTEN, {"tiny": "2"}, "changed", (OTHER_OUTPUT,)),
        (REWRITTEN, {"other": "1"}, "changed", ()),
        (REWRITTEN, {}, "changed", ()),
        (OTHER_RULE, {"tiny": "2"}, "changed", ()),
    ],
)
def test_output_decides_whatever_the_hashes_say(
    known: Registry, own: Frozen, found: dict[str, str], status: str, remarks: tuple[str, ...]
) -> None:
    told = standing(own, known, found)
    assert (told.status, told.remarks) == (status, remarks)


def test_what_no_registry_knows_is_unregistered(tmp_path: Path) -> None:
    told = standing(ONE, Registry(tmp_path / "registry.jsonl"), {"tiny": "1"})
    assert (told.status, told.remarks) == ("unregistered", ())


def log(path: Path, *dates: str, code: Any = "c") -> Registry:
    """A registry of lines of these dates, each of a claim of its own."""
    previous = None
    for place, date in enumerate(dates, 1):
        line = {"id": f"a.{place}", "date": date, "reason": "", "rule": "rule", "code": code, "previous": previous}
        row = json.dumps(line).encode()
        previous = hashlib.sha256(row).hexdigest()
        with path.open("ab") as file:
            file.write(row + b"\n")
    return read(path)


@pytest.mark.parametrize(
    ("dates", "wrong"),
    [
        (("2026-02-01T10:00:00+00:00", "2026-02-01T11:00:00+00:00"), {}),
        (("2026-02-01T10:00:00+00:00", "2026-02-01T09:00:00+00:00"), {2: "before the line above it"}),
        (("2026-02-01T10:00:00+00:00", "2026-02-01T09:59:00+00:00"), {}),  # two clocks
        (("2026-02-01T10:00:00+00:00", "2026-01-31", "2026-02-02T10:00:00+00:00"), {2: "before the line above it"}),
        (("2026-02-01T10:00:00+00:00", "2026-02-01"), {}),
        (("2026-03-03T10:00:00+00:00",), {1: "in the future"}),
        (("2026-03-02T10:00:00+00:00",), {}),
    ],
)
def test_dates_that_cannot_be_true(tmp_path: Path, dates: tuple[str, ...], wrong: dict[int, str]) -> None:
    known = log(tmp_path / "registry.jsonl", *dates)
    found = {number: why for number, _, why in misdated(known, NOW)}
    assert found.keys() == wrong.keys()
    assert all(wrong[number] in why for number, why in found.items())


def test_lines_from_before_code_was_hashed_were_collected_in_any_order(tmp_path: Path) -> None:
    known = log(tmp_path / "registry.jsonl", "2026-02-02", "2026-02-01", code=None)
    assert list(misdated(known, NOW)) == []


def test_a_wrong_date_is_told_of_the_claim_whose_line_it_is(tmp_path: Path) -> None:
    ahead = (datetime.now(UTC) + timedelta(days=3)).isoformat()
    known = log(tmp_path / "registry.jsonl", "2026-02-01T10:00:00+00:00", ahead)
    own = [Frozen(Claim(f"a.{number}", "s", "r > 0.96", (above(0.96, "r"),), "min", "001", "none"), "rule", "c")
           for number in (1, 2)]  # fmt: skip
    assert [standing(one, known, {}).remarks for one in own] == [(), (f"line 2 is dated in the future, {ahead}",)]
