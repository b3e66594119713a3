"""How far a verdict rests on one analyst's choices: what the claim's universes came to beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from semphase.verdict.universe import UNMOVED, Found, Universe
from semphase.verdict.verdict import Verdict

OPPOSITE = {"supported": "refuted", "refuted": "supported"}


@dataclass(frozen=True, slots=True)
class Agreement:
    """How a verdict fares in the universes that count.

    `agree` have its verdict, `undecided` are inconclusive; `share` is agree / n, None without any. It is `fragile` where one
    has the opposite verdict, or the opposite point.
    """

    n: int
    agree: int
    undecided: int
    share: float | None
    fragile: bool


def found_in(universe: Universe, own: Verdict, registered: Verdict) -> Found:
    """What a universe's verdict says beside the registered one."""
    same = _parts(own) == _parts(registered)
    return Found(universe.name, own.verdict, own.point, own.estimate, UNMOVED if same else own.reason)


def agreement(verdict: str, point: bool | None, universes: Sequence[Found]) -> Agreement:
    """The agreement of a verdict, and of its point, with those of the universes."""
    counted = [own for own in universes if own.counts]
    agree = sum(own.verdict == verdict for own in counted)
    against = any(own.verdict == OPPOSITE.get(verdict) or own.point != point for own in counted)
    undecided = sum(own.verdict == "inconclusive" for own in counted)
    return Agreement(len(counted), agree, undecided, agree / len(counted) if counted else None, against)


def _parts(verdict: Verdict) -> Any:
    """Estimates, p-values and calls of all parts."""
    return verdict.detail.get("parts", verdict.estimate)
