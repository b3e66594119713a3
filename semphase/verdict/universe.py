"""Universes: defensible variants of a claim's analysis, registered before they are run (Steegen et al. 2016).

The claim is judged again in each, without its control; what comes out says how far a verdict rests on one analyst's choices.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from semphase.code import code_hash
from semphase.stats.estimate import Estimate

if TYPE_CHECKING:
    from semphase.verdict.verdict import Verdict

OPPOSITE = {"supported": "refuted", "refuted": "supported"}
UNMOVED = "the same numbers: it changes nothing here"


@dataclass(frozen=True, slots=True)
class Universe:
    """A variant by name; `of` makes of the run's study the one that this variant is judged on.

    `passes` says that it needs forward passes of its own, measured once for all claims that share it.
    """

    name: str
    of: Callable[[Any], Any]
    passes: bool = False

    @property
    def identity(self) -> dict[str, Any]:
        """What a registration and a key of the store know it by: its name, and what it does."""
        if isinstance(self.of, partial):
            return {"name": self.name, "choices": repr(sorted(self.of.keywords.items()))}
        return {"name": self.name, "code": code_hash(self.of)}


@dataclass(frozen=True, slots=True)
class Found:
    """What a claim came to in one universe: the verdict, the rule on bare values, the deciding estimate.

    `reason` says why it is not applicable, or that nothing moved; either is left out of every count.
    """

    name: str
    verdict: Literal["supported", "refuted", "inconclusive", "not-applicable"]
    point: bool | None = None
    estimate: Estimate | None = None
    reason: str = ""

    @property
    def counts(self) -> bool:
        """Is it another analysis of the same claim?"""
        return self.verdict != "not-applicable" and self.reason != UNMOVED


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
    same = own.estimate == registered.estimate and _parts(own) == _parts(registered)
    return Found(universe.name, own.verdict, own.point, own.estimate, UNMOVED if same else own.reason)


def agreement(verdict: str, point: bool | None, universes: Sequence[Found]) -> Agreement:
    """The agreement of a verdict, and of its point, with those of the universes."""
    counted = [own for own in universes if own.counts]
    agree = sum(own.verdict == verdict for own in counted)
    against = any(own.verdict == OPPOSITE.get(verdict) or own.point != point for own in counted)
    undecided = sum(own.verdict == "inconclusive" for own in counted)
    return Agreement(len(counted), agree, undecided, agree / len(counted) if counted else None, against)


def _parts(verdict: Verdict) -> list[Any]:
    return [part["estimate"] for part in verdict.detail.get("parts", ())]
