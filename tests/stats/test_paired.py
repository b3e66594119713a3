"""Paired tests against exact enumeration and statsmodels, and their level under the null."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar

from semphase.errors import SemphaseError
from semphase.stats.estimates import difference
from semphase.stats.paired import mcnemar_p, paired_increase
from semphase.stats.signs import RESAMPLES, sign_flip_p


def test_sign_flip_is_exact_on_few_pairs():
    differences = np.array([0.3, 1.2, -0.4, 0.9, 2.0, 0.1])
    flips = np.array(list(itertools.product([1, -1], repeat=6)))
    means = (flips * differences).mean(axis=1)
    assert sign_flip_p(differences) == pytest.approx(np.mean(means >= differences.mean() - 1e-12))


def test_random_sign_flips_approach_the_exact_p_and_are_never_zero():
    differences = np.random.default_rng(0).normal(0.3, 1, 12)
    exact, drawn = sign_flip_p(differences), sign_flip_p(differences, resamples=3999, seed=1)
    assert drawn == pytest.approx(exact, abs=4 * math.sqrt(exact * (1 - exact) / 3999))
    assert sign_flip_p(np.full(40, 1.0)) == pytest.approx(1 / (RESAMPLES + 1))


@given(st.integers(0, 30), st.integers(0, 30), st.integers(0, 5))
@settings(max_examples=40, deadline=None)
def test_mcnemar_agrees_with_statsmodels_and_the_binomial(gained, lost, same):
    a = np.repeat([0.0, 1.0, 1.0], [gained, lost, same])
    b = np.repeat([1.0, 0.0, 1.0], [gained, lost, same])
    p = mcnemar_p(a, b)
    assert 0 < p <= 1
    if gained + lost:
        assert p == pytest.approx(stats.binom.sf(gained - 1, gained + lost, 0.5))
    if gained > lost:
        # statsmodels doubles the one-sided p.
        two_sided = mcnemar([[same, lost], [gained, 0]], exact=True).pvalue
        assert two_sided == pytest.approx(min(1.0, 2 * p))


def test_the_test_follows_the_kind_of_data():
    a, b = np.array([0, 0, 1, 0, 1.0]), np.array([1, 1, 1, 1, 0.0])
    effect, p = paired_increase(a, b)
    assert p == mcnemar_p(a, b)
    assert effect.value == pytest.approx(0.4)
    effect, p = paired_increase(a / 2, b / 2, over="words", unit="nats")
    assert p == sign_flip_p((b - a) / 2)
    assert effect == difference(b / 2, a / 2, over="words", unit="nats")
    assert (effect.population, effect.units) == (("words",), (5,))
    assert effect.low < 0.2 < effect.high


def test_no_difference_at_all():
    for same in (np.zeros(6), np.full(6, 0.3)):
        effect, p = paired_increase(same, same)
        assert (effect.value, effect.low, effect.high, p) == (0.0, -math.inf, math.inf, 1.0)
        assert effect.lacks == "6 prompts that are not all alike"


def test_sign_flip_keeps_its_level():
    runs = 800
    rng = np.random.default_rng(4)
    rate = np.mean([sign_flip_p(rng.normal(0, 1, 9)) <= 0.05 for _ in range(runs)])
    # Exact with 2⁹ patterns: ⌊0.05·512⌋/512 = 0.0488.
    assert rate == pytest.approx(25 / 512, abs=4 * math.sqrt(0.05 * 0.95 / runs))


def test_mcnemar_keeps_its_level():
    runs, rng = 4000, np.random.default_rng(5)
    a, b = (rng.integers(0, 2, (runs, 40)).astype(float) for _ in range(2))
    rate = np.mean([mcnemar_p(first, second) <= 0.05 for first, second in zip(a, b, strict=True)])
    assert rate <= 0.05
    assert rate > 0.015  # discrete, so below the level, but not idle


@given(
    arrays.arrays(float, st.integers(2, 9), elements=st.floats(-5, 5).map(lambda v: round(v, 3))),
    st.floats(0.01, 3),
)
@settings(max_examples=40, deadline=None)
def test_a_larger_increase_never_has_a_larger_p(differences, shift):
    assert sign_flip_p(differences + shift) <= sign_flip_p(differences) + 1e-12


@pytest.mark.usefixtures("wrong_shapes")
def test_bad_pairs_are_refused():
    with pytest.raises(SemphaseError, match="same length"):
        paired_increase(np.zeros(3), np.zeros(4))
    with pytest.raises(SemphaseError, match="at least two"):
        paired_increase(np.zeros(1), np.ones(1))
    with pytest.raises(SemphaseError, match="not finite"):
        paired_increase(np.zeros(2), np.array([1.0, math.nan]))
