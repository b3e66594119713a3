"""What the test of the erf width says, in words and in counts (001 exp8 A)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from semphase.science.lexical.response import Response
from semphase.science.lexical.shapes import erf_width
from semphase.stats.estimate import Estimate
from semphase.stats.families import erf
from semphase.stats.level import TAIL
from semphase.stats.likelihood import BAND, width_test
from semphase.stats.likelihood import INVERSE_ROOT_PI as INVERSE_ROOT_PI
from semphase.stats.likelihood import WidthTest as WidthTest
from semphase.stats.nested import Nested, Quantity
from semphase.stats.sampling import Sampling
from semphase.study.study import Study
from semphase.verdict import Evidence

ALPHA = 0.05
PART = 0.25
"""Of a copy: numbers of copies are told to wholes, and no interval of one is narrower."""


def width_test_of(study: Study, curves: Nested[Response]) -> WidthTest:
    """The source's likelihood-ratio test of σ = 1/√π on g_mean, which takes the residuals of layers as independent."""
    point = curves.point
    return width_test(point.x, point.g_mean, draws=study.budget.simulations, seed=study.seed)


def width_of(curves: Nested[Response]) -> Evidence:
    """σ_free over words, the p of "it is 1/√π" that agrees with its interval, and its equivalence within ±5 %."""
    width = Quantity(erf_width, within=(0.0, math.inf)).estimate(curves, population="words", what="σ_free", unit="l/L")
    low, high = (INVERSE_ROOT_PI * (1 + side * BAND) for side in (-1, 1))
    p_equivalent = max(width.p_above(low), width.p_below(high))
    return Evidence(width, p_of(width), p_equivalent <= TAIL, p_equivalent)


def p_of(width: Estimate) -> float:
    """Two-sided p of "the width is 1/√π"."""
    return min(1.0, 2 * min(width.p_above(INVERSE_ROOT_PI), width.p_below(INVERSE_ROOT_PI)))


def fitted(test: WidthTest, response: Response) -> dict[str, Any]:
    """For a figure: g_mean, and erf at the free width and at 1/√π."""
    named = {f"erf, σ_free = {test.width:.3f}": test.width, "erf, σ = 1/√π": INVERSE_ROOT_PI}
    curves = {name: erf(response.x, width) for name, width in named.items()}
    return {"x": response.x, "g_mean": response.g_mean, "fitted": curves}


def meaning(found: Evidence) -> str:
    """One sentence: rejected, confirmed, or not rejected and not confirmed."""
    p = found.p_value or 0.0
    if p <= ALPHA:
        return f"rejected: p = {p:.3g} over words"
    if found.equivalent:
        return f"confirmed: not rejected (p = {p:.3g} over words) and equivalent within ±{BAND:.0%}"
    return f"not rejected (p = {p:.3g} over words), not confirmed: not equivalent within ±{BAND:.0%}"


def rejections(copies: Sequence[Nested[Response]], of: int) -> Estimate:
    """How many copies reject σ = 1/√π at 0.05, as a number of `of`; of these copies, whose words are sampled.

    From those that do at their share of 5 % (Bonferroni) to those that are not equivalent at theirs.
    """
    each = [width_of(copy) for copy in copies]
    lacks = next((own.estimate.lacks for own in each if own.estimate.lacks), "")
    factor = of / len(each)
    p, equivalent = (np.array([getattr(own, name) for own in each]) for name in ("p_value", "p_equivalent"))

    def bounds(tail: float) -> tuple[float, float]:
        share = 2 * tail / len(each)
        reject, same = int((p <= share).sum()), int((equivalent <= share).sum())
        return max(0.0, factor * (reject - PART)), min(float(of), factor * (len(each) - same + PART))

    value, (low, high) = factor * int((p <= ALPHA).sum()), bounds(TAIL)
    words = copies[0].n_words
    return Estimate(
        value, min(low, value), max(high, value), f"{len(each)} copies, each by its {words} words", words, "copies",
        population=("words",), units=(words,), lacks=lacks, sampling=Sampling.of_bounds(bounds),
    )  # fmt: skip
