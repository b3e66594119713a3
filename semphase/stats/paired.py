"""One-sided tests on pairs of whether b is larger than a."""

from __future__ import annotations

import numpy as np
import scipy
from jaxtyping import Float

from semphase.errors import SemphaseError
from semphase.stats.estimate import Estimate
from semphase.stats.estimates import difference
from semphase.stats.signs import RESAMPLES, sign_flip_p
from semphase.stats.units import Over


def paired_increase(
    a: Float[np.ndarray, " pair"],
    b: Float[np.ndarray, " pair"],
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
    unit: str = "",
    over: Over = "prompts",
) -> tuple[Estimate, float]:
    """The mean of b − a with its interval over pairs, and the one-sided p of "it is above 0".

    `over` says what a pair belongs to, and what the estimate therefore speaks of.

    Pairs of zeros and ones get McNemar's exact test, others the sign-flip permutation test. Pairs must be
    independent: average what shares a word or a text first.
    """
    a, b = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    if a.shape != b.shape or a.ndim != 1 or a.size < 2:
        raise SemphaseError(
            f"a paired test needs two lists of the same length of at least two, got {a.shape} and {b.shape}"
        )
    if not np.isfinite(b - a).all():
        raise SemphaseError("a paired test met a value that is not finite; leave that pair out of both lists")
    effect = difference(b, a, over=over, unit=unit)
    binary = np.isin(np.concatenate([a, b]), (0.0, 1.0)).all()
    return effect, mcnemar_p(a, b) if binary else sign_flip_p(b - a, resamples=resamples, seed=seed)


def share_increase(
    a: Float[np.ndarray, " pair"], b: Float[np.ndarray, " pair"], tails: tuple[float, float]
) -> tuple[float, float, float]:
    """The share of pairs with b = 1 less that with a = 1, and both ends of its interval, `tails` left out below and above.

    Tango's score interval (1998, Statistics in Medicine 17, 891): every increase that the score test does not reject,
    so that pairs which never differ leave a width as well, and rare gains without losses are covered.
    """
    gained, lost, n = int(np.sum(b > a)), int(np.sum(b < a)), len(a)
    if n == 0:
        raise SemphaseError("an increase of a share needs pairs and got none; take some.")
    below, above = (float(scipy.stats.norm.isf(tail)) for tail in tails)
    return (gained - lost) / n, -_score_bound(lost, gained, n, below), _score_bound(gained, lost, n, above)


def _score_bound(gained: int, lost: int, n: int, z: float) -> float:
    """The largest increase that the score test keeps, at z standard errors."""
    found = (gained - lost) / n

    def beyond(increase: float) -> float:
        # The likeliest share of lost pairs, were this the increase; the variance of the mean difference follows.
        linear = (2 * n - gained + lost) * increase - gained - lost
        root = np.sqrt(max(0.0, linear**2 + 8 * n * lost * increase * (1 - increase)))
        variance = (root - linear) / (2 * n) + increase * (1 - increase)
        return float(n * (increase - found) ** 2 - z**2 * max(0.0, variance))

    # At what was found the variance may be 0 (no pair differs, or every one), which is no end; at 1 it always is.
    start = found + 1e-12
    if found == 1 or beyond(start) >= 0:
        return found
    return float(scipy.optimize.brentq(beyond, start, 1.0))


def mcnemar_p(a: Float[np.ndarray, " pair"], b: Float[np.ndarray, " pair"]) -> float:
    """McNemar's exact one-sided p that of the pairs that differ more than half have b = 1."""
    gained, lost = int(np.sum(b > a)), int(np.sum(b < a))
    if gained + lost == 0:
        return 1.0
    return float(scipy.stats.binomtest(gained, gained + lost, 0.5, alternative="greater").pvalue)
