"""The exact interval of a share of independent trials."""

from __future__ import annotations

from semphase.stats.level import LEVEL


def exact_share(successes: float, n: float, level: float = LEVEL) -> tuple[float, float]:
    """Both ends of the interval of Clopper and Pearson (1934); numbers need not be whole."""
    from statsmodels.stats.proportion import proportion_confint

    low, high = proportion_confint(successes, n, alpha=1 - level, method="beta")
    value = successes / n
    return min(float(low), value), max(float(high), value)
