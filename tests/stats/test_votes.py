"""By how much the first thing leads in votes, and the best of several candidates over their rivals."""

from __future__ import annotations

import numpy as np
import pytest

from semphase.errors import SemphaseError
from semphase.stats.left_out import Factor, best_lead
from semphase.stats.votes import lead_of_first


def test_the_lead_is_that_over_the_closest_rival():
    found = lead_of_first([0] * 6 + [1] * 3 + [2], 3)
    assert found.value == pytest.approx(0.3)
    assert found.low < found.value < found.high
    assert (found.population, found.units) == (("words",), (10,))


@pytest.mark.parametrize(("winner", "value"), [(0, 1.0), (1, -1.0), (3, -1.0)])
@pytest.mark.parametrize("words", [4, 9, 26])
def test_votes_that_all_agree_have_a_width(winner, value, words):
    found = lead_of_first([winner] * words, 3)
    assert found.value == value
    assert found.high - found.low > 0.1
    assert 0 < found.p_above(0) <= 1
    assert 0 < found.p_below(0) <= 1
    assert (found.low > 0) == (value > 0)
    # Four votes against the first leave an upper end above 0: Bonferroni over three rivals.
    assert (found.high < 0) == (value < 0 and words > 4)


def test_no_votes_and_no_rival_are_refused():
    for votes, rivals in (([], 3), ([0, 0], 0)):
        with pytest.raises(SemphaseError, match="a lead needs"):
            lead_of_first(votes, rivals)


def means_of(units: np.ndarray) -> tuple[np.ndarray, Factor]:
    """Means [candidate, rival] of units [candidate, rival, unit], and without each."""
    n = units.shape[-1]
    without = (units.sum(axis=-1, keepdims=True) - units) / (n - 1)
    return units.mean(axis=-1), Factor("words", without, least="worst of many")


@pytest.mark.parametrize("centres", [[[1.0, 2.0], [0.5, 3.0]], [[-1.0, 2.0], [-0.5, 3.0]]])
def test_the_best_lead_is_the_largest_of_the_smallest(centres):
    rng = np.random.default_rng(0)
    value, factor = means_of(np.array(centres)[..., None] + 0.1 * rng.normal(size=(2, 2, 12)))
    found = best_lead(value, factor, what="lead")
    assert found.value == pytest.approx(value.min(axis=1).max())
    assert found.low < found.value < found.high
    assert (found.low > 0) == (centres[0][0] > 0)
    assert (found.high < 0) == (centres[0][0] < 0)


@pytest.mark.slow
def test_a_best_lead_of_nothing_is_seldom_called_one():
    rng = np.random.default_rng(1)
    above = 0
    for _ in range(1000):
        units = rng.normal(size=(3, 4, 9))
        units[:, 1:] += 5  # one rival ties with every candidate
        value, factor = means_of(units)
        above += best_lead(value, factor, what="lead").low > 0
    assert above <= 40  # 2.5 % and three standard errors
