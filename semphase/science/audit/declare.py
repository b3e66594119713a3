"""Declaring audit claims: three kinds, which share their criterion, estimator and control."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from semphase import claim
from semphase.science.audit.evidence import MOVED
from semphase.verdict import Criterion, Needs, at_most

_NO_MODEL = Needs(model=False)
ONE_WAY = "none: printed figures follow from one another, within rounding, in one way"

Decorator = Callable[[Any], Any]


def figures_agree(id: str, statement: str, source: str, criterion: str = "") -> Decorator:
    """A claim that printed figures follow from others within rounding."""
    return claim(
        id,
        statement=statement,
        criterion=criterion
        or "within rounding: each printed figure shares a number with the one that follows from others",
        parts=at_most(1, "largest deviation"),
        estimator="largest distance of a printed from a recomputed figure, over half the last digit of the one and half "
        "the range that rounding leaves the other",
        source=source,
        control=MOVED,
        needs=_NO_MODEL,
        universes=ONE_WAY,
    )


def sentences_hold(id: str, statement: str, source: str, criterion: str, control: str = MOVED) -> Decorator:
    """A claim that sentences about tables are true of them."""
    return claim(
        id,
        statement=statement,
        criterion=criterion,
        parts=at_most(0, "sentences contradicted"),
        estimator="number of sentences that the printed tables contradict; at least and at most, given their rounding",
        source=source,
        control=control,
        needs=_NO_MODEL,
        universes=ONE_WAY,
    )


def quantity(
    id: str,
    statement: str,
    source: str,
    criterion: str,
    parts: Criterion | tuple[Criterion, ...],
    estimator: str,
    control: str = MOVED,
) -> Decorator:
    """A claim about a number that follows from published figures, with the bounds that their rounding leaves."""
    return claim(
        id,
        statement=statement,
        criterion=criterion,
        parts=parts,
        estimator=estimator + "; bounds by rounding",
        source=source,
        control=control,
        needs=_NO_MODEL,
        universes=ONE_WAY,
    )
