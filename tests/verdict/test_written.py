"""A verdict as JSON and back: equal, infinities, nan and pairs included."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from semphase.checked import read_checked, write_checked
from semphase.errors import SemphaseError
from semphase.stats.estimate import Estimate, census
from semphase.verdict import Claim, Control, Verdict
from semphase.verdict.criterion import above, between
from semphase.verdict.written import read_back, written

CLAIM = Claim("a.b", "s", "x > 0", (above(0.0), between(0.0, 1.0, "y")), "mean", "ours", "random")
OPEN = Estimate(0.1 + 0.2, -math.inf, math.inf, "profile", 7, "nats", 0.9, ("documents", "seeds"), (7, 4), "9 words")
COUNT = census(3.0, "count", 12)
DETAIL = {"b": [1, 2.5, None, True], "a": {"ΔPPL": "−1", "surrogate": "\ud800"}}
VERDICTS = [
    Verdict(
        CLAIM, "supported", True, OPEN, 0.0, 1e-300, 1e-9,
        Control("random", OPEN, "inconclusive", True, "both", COUNT), True, "so", DETAIL,
    ),
    Verdict(CLAIM, "inconclusive", False, COUNT, (0.0, 1.0), control=Control("shuffled", OPEN, "refuted")),
    Verdict(CLAIM, "not-applicable", reason="needs CUDA"),
]  # fmt: skip


@pytest.mark.parametrize("verdict", VERDICTS, ids=[own.verdict for own in VERDICTS])
def test_a_verdict_is_read_back_as_it_was(verdict: Verdict, tmp_path: Path) -> None:
    write_checked(tmp_path / "v.json", written(verdict))
    assert read_back(CLAIM, read_checked(tmp_path / "v.json")) == verdict


def test_numbers_of_numpy_become_pythons() -> None:
    estimate = Estimate(np.float64(1.0), np.float32(0.5), 2.0, "bootstrap", np.int64(3))
    verdict = replace(VERDICTS[0], estimate=estimate, point=np.bool_(True), p_value=np.float64("nan"))
    back = read_back(CLAIM, json.loads(json.dumps(written(verdict))))
    assert back.estimate == estimate
    assert back.point is True
    assert back.p_value is not None
    assert math.isnan(back.p_value)


def test_what_json_cannot_hold_is_refused() -> None:
    with pytest.raises(SemphaseError, match="holds a set"):
        written(replace(VERDICTS[0], detail={"words": {1}}))


@pytest.mark.parametrize("told", [{}, {"verdict": "supported"}, written(VERDICTS[0]) | {"estimate": {"value": 1.0}}])
def test_what_is_no_verdict_is_not_taken_for_one(told: dict[str, Any]) -> None:
    with pytest.raises((KeyError, TypeError, SemphaseError)):
        read_back(CLAIM, told)
