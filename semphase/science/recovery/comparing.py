"""Is one way of answering better than another in every task? Items are paired."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from statsmodels.stats.multitest import multipletests

from semphase.errors import NotApplicable
from semphase.science.recovery.answering import Answered
from semphase.stats.estimate import Estimate
from semphase.stats.level import TAIL
from semphase.stats.paired import mcnemar_p, share_increase
from semphase.stats.sampling import Sampling
from semphase.verdict import Evidence

METHOD = "score interval of a paired difference of shares (Tango 1998) for each task"


def gain(before: Sequence[Answered], after: Sequence[Answered]) -> Evidence:
    """The smallest gain in accuracy over tasks, and the largest of the tasks' p of "it is above 0".

    p is McNemar's exact one, one-sided, after Holm over the tasks: it is below a level when every task's is.
    """
    p = [mcnemar_p(*_flags(a, b)) for a, b in zip(before, after, strict=True)]
    return Evidence(smallest_gain(before, after), float(np.max(multipletests(p, method="holm")[1])))


def smallest_gain(before: Sequence[Answered], after: Sequence[Answered]) -> Estimate:
    """The smallest gain in accuracy over tasks, for rules that every task must meet from above.

    From the smallest of the tasks' lower bounds at 97.5 %, which holds whatever they share, to the smallest of their
    upper bounds at 1 − 2.5 %/tasks (Bonferroni). It speaks of these tasks; their items are drawn from more.
    """
    flags = [_flags(a, b) for a, b in zip(before, after, strict=True)]

    def bounds(tail: float) -> tuple[float, float]:
        found = [share_increase(*own, (tail, tail / len(flags)))[1:] for own in flags]
        low, high = (min(column) for column in zip(*found, strict=True))
        return low, high

    gains = [float(np.mean(b - a)) for a, b in flags]
    value, items = min(gains), sum(len(own.right) for own in before)
    low, high = bounds(TAIL)
    # Items differ by task, so that one task's stand for all: those of the smallest gain.
    a, b = flags[int(np.argmin(gains))]
    name = f"smallest of {len(flags)} tasks" if len(flags) > 1 else "one task"
    return Estimate(
        value, min(low, value), max(high, value), f"{name}, {METHOD}", items, "share",
        population=("prompts",), units=(items,), sampling=Sampling.of_bounds(bounds, (b - a - value,)),
    )  # fmt: skip


def flops_ratios(those: Sequence[Answered], over: Sequence[Answered]) -> list[float]:
    """Task by task, the operations of one way of answering over those of another."""
    return [float(a.flops.mean() / b.flops.mean()) for a, b in zip(those, over, strict=True)]


def require_no_more_flops(light: Sequence[Answered], unmodified: Sequence[Answered]) -> None:
    """NotApplicable where what should be lighter takes more operations in a task, or where they are not counted."""
    most = max(flops_ratios(light, unmodified))
    if not most <= 1:
        told = (
            f"takes {most:.3g} times the operations" if np.isfinite(most) else "takes operations that are not counted"
        )
        raise NotApplicable(f"the lightened model {told}, so it is no lighter one")


def _flags(a: Answered, b: Answered) -> tuple[np.ndarray, np.ndarray]:
    return a.right.astype(float), b.right.astype(float)


def by_task(tasks: Sequence[str], before: Sequence[Answered], after: Sequence[Answered]) -> dict[str, dict[str, float]]:
    """For a report: every task's gain and its p before correction."""
    rows = zip(tasks, before, after, strict=True)
    return {
        task: {"gain": b.accuracy - a.accuracy, "p (McNemar)": mcnemar_p(*_flags(a, b)), "items": len(a.right)}
        for task, a, b in rows
    }
