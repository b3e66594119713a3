"""Document 003: the error of each exponent by its own line through four runs, and all pairs of exponents by those.

A line through four points leaves two degrees of freedom. Two such lines are compared by Welch's t, with
Satterthwaite's degrees of freedom, and the 36 p-values are adjusted by Holm.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import scipy

from semphase.science.audit.cvfp_tables import by_configuration
from semphase.science.audit.printed import Document

LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class Line:
    """A least-squares slope with its standard error and the degrees of freedom of that."""

    slope: float
    error: float
    freedom: int

    @property
    def interval(self) -> tuple[float, float]:
        """Student's 95 % interval of the slope."""
        half = float(scipy.stats.t.ppf((1 + LEVEL) / 2, self.freedom)) * self.error
        return self.slope - half, self.slope + half


def line(n: np.ndarray, ppl: np.ndarray) -> Line:
    """The line of log PPL on log n."""
    found = scipy.stats.linregress(np.log(n), np.log(ppl))
    return Line(float(found.slope), float(found.stderr), len(n) - 2)


def p_of_difference(one: Line, other: Line) -> float:
    """Two-sided p of equal slopes: Welch's t with Satterthwaite's degrees of freedom."""
    variances = np.array([one.error**2, other.error**2])
    freedom = variances.sum() ** 2 / (variances**2 / [one.freedom, other.freedom]).sum()
    return float(2 * scipy.stats.t.sf(abs(one.slope - other.slope) / np.sqrt(variances.sum()), freedom))


def own_errors(document: Document) -> dict[str, Any]:
    """Intervals of the nine α, and how many of their pairs differ at 5 % by Holm."""
    from statsmodels.stats.multitest import multipletests

    runs = document["runs"]
    lines = {
        name: line(runs["text_tokens"].value[rows], runs["ppl"].value[rows])
        for name, rows in by_configuration(runs).items()
    }
    p = [p_of_difference(*pair) for pair in combinations(lines.values(), 2)]
    rejected, adjusted, *_ = multipletests(p, alpha=1 - LEVEL, method="holm")
    return {
        "95 % intervals of α, t(2)": {name: own.interval for name, own in lines.items()},
        "pairs told apart, Holm": int(rejected.sum()),
        "smallest p": min(p),
        "smallest adjusted p": float(adjusted.min()),
    }
