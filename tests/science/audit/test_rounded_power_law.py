"""Power laws through rounded perplexities against SciPy's regression."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from semphase.errors import SemphaseError
from semphase.science.audit.rounded_fits import fit_rounded
from semphase.science.audit.rounding import around

N = np.array([60_000.0, 120_000.0, 240_000.0, 600_000.0])
# Logs of order ten and a matrix of order one.
CLOSE = 1e-9


def regression(ppl: np.ndarray) -> tuple[float, float, float]:
    found = stats.linregress(np.log(N), np.log(ppl))
    return found.slope, np.exp(found.intercept), found.rvalue**2


@given(st.integers(0, 2**32 - 1))
def test_value_and_bounds_by_regression(seed):
    rng = np.random.default_rng(seed)
    printed = 2e5 * N**-0.5 * rng.lognormal(sigma=0.05, size=4)
    law = fit_rounded(N, around(printed, 0.05))
    truth = regression(printed + rng.uniform(-0.05, 0.05, 4))
    for found, value, behind in zip((law.alpha, law.a, law.r2), regression(printed), truth, strict=True):
        assert float(found.value) == pytest.approx(value, rel=CLOSE)
        assert found.low - CLOSE * abs(behind) <= behind <= found.high + CLOSE * abs(behind)


def test_a_planted_power_law_is_recovered():
    law = fit_rounded(N, around(1.5e5 * N**-0.47, 0.0))
    assert float(law.alpha.value) == pytest.approx(-0.47, rel=CLOSE)
    assert float(law.a.value) == pytest.approx(1.5e5, rel=CLOSE)
    assert float(law.r2.value) == pytest.approx(1, abs=CLOSE)
    assert float(law.last_step.value) == pytest.approx(-0.47, rel=CLOSE)


def test_the_last_step_is_the_last_two_sizes_own():
    ppl = np.array([600.0, 400.0, 300.0, 200.0])
    expected = np.log(200 / 300) / np.log(600_000 / 240_000)
    assert float(fit_rounded(N, around(ppl, 0.05)).last_step.value) == pytest.approx(expected, rel=CLOSE)


@pytest.mark.parametrize("n", [N[:2], N[::-1]])
def test_too_few_sizes_or_a_wrong_order_is_an_error(n):
    with pytest.raises(SemphaseError, match="three sizes in rising order"):
        fit_rounded(n, around(np.ones(len(n)), 0.1))
