"""Document 003: do its exponents and perplexities differ by more than their error? No run was repeated.

All nine configurations read the same documents, so a size that is easy or hard for all is no error: the log
perplexities are a two-way layout of configurations and sizes with a slope for each configuration, and what it leaves
over (16 of 36 degrees of freedom) measures how far a run lies off by itself. Differences of slopes have one common
variance then, as Tukey's studentised range asks (Tukey 1953; Kutner et al. 2005, section 17.5), and since the rows that
are named were picked from the table itself, all pairs count. Of the two errors that
are given this is the narrower: a line of each configuration's own has two degrees of freedom and takes shared documents
for error. The first speaks of other runs on these documents, not of other documents.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import combinations

import numpy as np
import scipy
from jaxtyping import Float

from semphase.science.audit.cvfp_own_errors import own_errors
from semphase.science.audit.cvfp_tables import by_configuration
from semphase.science.audit.evidence import Quantity
from semphase.science.audit.printed import Document
from semphase.science.audit.rounding import Interval, weigh
from semphase.science.audit.statements import Statement, Statements

LEVEL = 0.95
STEEPEST, BEST = "1L_768d_1tok", "1L_768d_2tok"

Weights = Float[np.ndarray, " run"]


@dataclass(frozen=True, slots=True)
class Layout:
    """Log PPL [configuration × size, flat] of runs in a full layout, log sizes centred on their mean."""

    names: tuple[str, ...]
    logs: Interval
    sizes: Float[np.ndarray, " size"]

    @property
    def freedom(self) -> int:
        """Degrees of freedom of the residuals: (configurations − 1)(sizes − 2)."""
        return (len(self.names) - 1) * (len(self.sizes) - 2)

    def slope(self, name: str) -> Weights:
        """Weights of the runs in the least-squares exponent of a configuration."""
        return self._own(name, self.sizes / (self.sizes @ self.sizes))

    def last(self, name: str) -> Weights:
        """Weights of the runs in log PPL at the largest size."""
        return self._own(name, np.eye(len(self.sizes))[-1])

    def deviation(self) -> Interval:
        """Standard deviation of a run about configuration, size and slope."""
        count, sizes = len(self.names), len(self.sizes)
        rows = np.eye(count) - 1 / count
        columns = np.eye(sizes) - 1 / sizes - np.outer(self.sizes, self.sizes) / (self.sizes @ self.sizes)
        squares = weigh(np.kron(rows, columns), self.logs).squares().sum()
        return (squares / float(self.freedom)).map(np.sqrt)

    def _own(self, name: str, weights: Float[np.ndarray, " size"]) -> Weights:
        return np.kron(np.eye(len(self.names))[self.names.index(name)], weights)


def layout(document: Document) -> Layout:
    """The 36 runs as a layout of nine configurations and four sizes."""
    runs = document["runs"]
    rows = by_configuration(runs)
    order = np.concatenate(list(rows.values()))
    sizes = np.log(runs["text_tokens"].value[next(iter(rows.values()))])
    return Layout(tuple(rows), runs["ppl"][order].map(np.log), sizes - sizes.mean())


@cache
def studentised_range(groups: int, freedom: int) -> float:
    """The 95 % point of the range of `groups` means over their standard error."""
    return float(scipy.stats.studentized_range.ppf(LEVEL, groups, freedom))


def least_difference(made: Layout, weights: Weights, groups: int) -> Interval:
    """The smallest difference that Tukey's test tells apart, for `groups` sums of runs with weights like these."""
    return made.deviation() * (studentised_range(groups, made.freedom) * float(np.sqrt(weights @ weights)))


def exponents_differ(document: Document) -> Quantity:
    """The largest difference of two of the nine α over the least that can be told apart."""
    made = layout(document)
    slopes = np.stack([made.slope(name) for name in made.names])
    pairs = list(combinations(range(len(slopes)), 2))
    apart = weigh(np.stack([slopes[i] - slopes[j] for i, j in pairs]), made.logs).magnitude()
    least = least_difference(made, slopes[0], len(slopes))
    i, j = pairs[int(np.argmax(apart.value))]
    told = {
        "sections": [document.where("summary"), document.where("runs")],
        "pairs told apart": int((apart.value > least.value).sum()),
        "largest difference": {"between": [made.names[i], made.names[j]], "is": apart.value.max()},
        "least difference told apart": least.value,
        "degrees of freedom": made.freedom,
        "by each configuration's own line": own_errors(document),
    }
    return Quantity(apart.highest() / least, len(document["runs"]["ppl"]), "of the least difference", told)


def steepest(document: Document) -> Statements:
    """1L_768d_1tok is steeper than each of the eight others by more than the error of all pairs."""
    made, where = layout(document), document.where("boxes")
    least = least_difference(made, made.slope(STEEPEST), len(made.names))
    return Statements(
        tuple(
            _beyond(f"{STEEPEST} is steeper than {other}", made, made.slope(other) - made.slope(STEEPEST), least, where)
            for other in made.names
            if other != STEEPEST
        )
    )


def best_ppl(document: Document) -> Statements:
    """1L_768d_2tok has a lower PPL at the largest size than each of the eight others, by more than the error."""
    made, where = layout(document), document.where("boxes")
    least = least_difference(made, made.last(BEST), len(made.names))
    return Statements(
        tuple(
            _beyond(f"log PPL of {BEST} is below {other}", made, made.last(other) - made.last(BEST), least, where)
            for other in made.names
            if other != BEST
        )
    )


def flattest_depth(document: Document) -> Statements:
    """The mean α of two layers is flatter than those of one and of three by more than the error of three means."""
    made, where = layout(document), document.where("alpha-by-layers")
    one, two, three = (_mean_slope(made, f"{layers}L_") for layers in (1, 2, 3))
    least = least_difference(made, two, 3)
    return Statements(
        (
            _beyond("two layers are flatter than one", made, two - one, least, where),
            _beyond("two layers are flatter than three", made, two - three, least, where),
        )
    )


def tokens_steepen(document: Document) -> Statements:
    """The mean α of two and of three tokens is steeper than that of one by more than the error of three means."""
    made, where = layout(document), document.where("alpha-by-tokens")
    one, *more = (_mean_slope(made, f"_{tokens}tok") for tokens in (1, 2, 3))
    least = least_difference(made, one, 3)
    return Statements(
        tuple(
            _beyond(f"{tokens} tokens are steeper than one", made, one - own, least, where)
            for tokens, own in zip((2, 3), more, strict=True)
        )
    )


def _mean_slope(made: Layout, part: str) -> Weights:
    own: Sequence[Weights] = [made.slope(name) for name in made.names if part in name]
    return np.asarray(np.mean(own, axis=0))


def _beyond(said: str, made: Layout, weights: Weights, least: Interval, where: str) -> Statement:
    apart = weigh(weights, made.logs)
    found = f"by {float(apart.value):.4f}, of which {float(least.value):.4f} can be told from 0"
    return Statement(f"{said} beyond error", found, apart - least, where)
