"""Orders in which heads are changed, each found on the choosing half of the text, and the curves along them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from jaxtyping import Int

from semphase.errors import SemphaseError
from semphase.science.heads.facet import ABLATIONS, Assignment, Heads, numbers
from semphase.science.heads.pareto import removable
from semphase.science.heads.spending import SEARCHES, Search
from semphase.stats.ratios import Ratios, ratios
from semphase.study.text import Half

RULES = ("single", "gradient", "greedy")
ORDERS = tuple(product(RULES, ABLATIONS))
SHORTLIST = 1.5
POINTS, FEW = 20, 10
COPIES = 5
"""Random orders that are controls."""

Order = Int[np.ndarray, " head"]


def order(heads: Heads, rule: str, kind: str) -> Order:
    """All heads in rising order of importance.

    "single": loss with the head changed alone; "gradient": its first-order estimate; "greedy": stage by stage, the
    heads next in the single order measured again on top of those already changed, up to the registered count.
    """
    if rule == "gradient":
        return np.argsort(heads.gradient(kind), kind="stable")
    single = np.argsort(heads.single(kind, "choose").mean, kind="stable")
    return _greedy(heads, kind, single) if rule == "greedy" else single


def own_order(heads: Heads, kind: str) -> Order:
    """The order that claims change heads in: by their single effects, or by what the study's universe chose."""
    if heads.study.choice("effects") == "gradient":
        return order(heads, "gradient", kind)
    match heads.study.choice("order"):
        case "zero":
            return order(heads, "single", "zero")
        case rule:
            return order(heads, rule or "single", kind)


def _greedy(heads: Heads, kind: str, single: Order) -> Order:
    target = heads.registered_count
    step = max(1, math.ceil(target / SEARCHES.get(heads.study.budget.name, Search()).stages))
    chosen = [int(head) for head in single[:step]]
    while len(chosen) < target:
        left = [int(head) for head in single if head not in chosen]
        shortlist = left[: math.ceil(SHORTLIST * step)]
        losses = heads.after(numbers(chosen, kind), kind, shortlist)
        best = np.argsort(losses, kind="stable")[: min(step, target - len(chosen))]
        chosen += [shortlist[i] for i in best]
    return np.array(chosen + [int(head) for head in single if head not in chosen])


def random_order(heads: Heads, number: int = 0) -> Order:
    """All heads shuffled, the control of every order."""
    return heads.study.rng(f"random order {number}").permutation(heads.total)


def copies(heads: Heads) -> range:
    """The numbers of a control's copies; none in a universe."""
    return range(COPIES if heads.study.registered else 0)


def random_orders(heads: Heads) -> list[Order]:
    """The copies of a control; none in a universe."""
    return [random_order(heads, number) for number in copies(heads)]


def named_orders(heads: Heads) -> list[tuple[str, str]]:
    """The six orders, each a rule and an ablation; in a universe those of one ablation, or not the greedy ones."""
    rules, ablation = heads.study.choice("rules") or RULES, heads.study.choice("ablation")
    return [named for named in ORDERS if named[0] in rules and ablation in (None, named[1])]


def orders(heads: Heads) -> list[Assignment]:
    """The registered count of heads along each of these orders, with the ablation that it was found with."""
    return [numbers(order(heads, *named)[: heads.registered_count], named[1]) for named in named_orders(heads)]


def random_sets(heads: Heads, copy: int) -> list[Assignment]:
    """As many random sets of heads of the same size and the same ablations, of one copy of a control."""
    first = copy * len(ORDERS)
    return [
        numbers(random_order(heads, first + i)[: heads.registered_count], kind) for i, (_, kind) in enumerate(ORDERS)
    ]


def best(heads: Heads, sets: Sequence[Assignment]) -> int:
    """Which of several sets of changed heads has the lowest perplexity on the half of the text that chooses."""
    return int(np.argmin(heads.joints(sets, "choose").mean))


def large_heads(heads: Heads, chosen: Order, copy: int) -> Int[np.ndarray, " large"]:
    """Random heads of the upper half of single effects whose sum is what ablating the `chosen` together costs.

    At least two, at most as many as `chosen`; the sums are those on the half of the text that chooses.
    """
    baseline = heads.text.baseline("choose").mean
    damage = float(heads.joint(numbers(chosen, "zero"), "choose").mean - baseline)
    effects = np.asarray(heads.single("zero", "choose").mean - baseline)
    upper = order(heads, "single", "zero")[heads.total // 2 :]
    drawn = heads.study.rng(f"large heads {copy}").permutation(np.setdiff1d(upper, chosen))
    sums = np.cumsum(effects[drawn[: max(2, len(chosen))]])
    return drawn[: max(2, 1 + int(np.argmin(np.abs(sums - damage))))]


def curve_counts(heads: Heads, points: int = POINTS) -> list[int]:
    """Numbers of changed heads along a curve: evenly up to all of them, and the registered one."""
    even = np.rint(np.linspace(0, heads.total, points + 1)[1:]).astype(int)
    return sorted({*even.tolist(), heads.registered_count} - {0})


def ratios_of(heads: Heads, assignments: Sequence[Assignment], half: Half = "judge") -> Ratios:
    """PPL ratios of several sets of changed heads, all on the same blocks of the text.

    Raises SemphaseError for a head that the model does not have.
    """
    if beyond := [head for chosen in assignments for head in chosen if not 0 <= head < heads.total]:
        raise SemphaseError(f"{heads.study.label} has {heads.total} heads and no head {beyond[0]}; change fewer heads.")
    return ratios(heads.joints(assignments, half), heads.text.baseline(half))


def at_registered(heads: Heads, by: Order, kind: str, half: Half = "judge") -> Ratios:
    """The PPL ratio with the registered share of heads changed along an order."""
    return ratios_of(heads, [numbers(by[: heads.registered_count], kind)], half)


@dataclass(frozen=True, slots=True)
class Curve:
    """PPL ratios along an order: one for each number of changed heads."""

    name: str
    counts: list[int]
    ratios: Ratios

    @property
    def removable(self) -> int:
        """The largest number of heads up to which the ratio stays below 1.1."""
        return removable(self.counts, self.ratios.values)

    @property
    def table(self) -> dict[str, object]:
        """For a report's detail."""
        return {
            "heads": self.counts,
            "ratio": self.ratios.values,
            "95 % interval": self.ratios.intervals,
            "largest count below 1.1": self.removable,
        }


def curve(heads: Heads, name: str, by: Order, kind: str, half: Half = "judge", points: int = POINTS) -> Curve:
    """The curve along an order."""
    counts = curve_counts(heads, points)
    sets = [numbers(by[:count], kind) for count in counts]
    return Curve(name, counts, ratios_of(heads, sets, half))


def pareto(heads: Heads) -> list[Curve]:
    """The registered order, the best one where another beats it at the registered count, the same text, and chance."""
    registered = order(heads, *ORDERS[0])
    rule, kind = chosen = ORDERS[best(heads, orders(heads))]
    curves = [curve(heads, "single, zero (registered)", registered, "zero")]
    if chosen != ORDERS[0]:
        curves.append(curve(heads, f"{rule}, {kind} (best of six)", order(heads, *chosen), kind))
    curves.append(curve(heads, "single, zero, judged on the text that chose it", registered, "zero", "choose", FEW))
    return [*curves, curve(heads, "random order, zero", random_order(heads), "zero", points=FEW)]
