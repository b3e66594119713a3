"""Bounds hold every number that is rounded to the printed one; the nominal value is plain arithmetic."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from semphase.errors import Undefined
from semphase.science.audit.rounding import Interval, around, explained, from_mean, interval, stack, weigh

SIZE = 5
# Sums of five products of numbers below 10: a few roundings of 1e-16 each.
CLOSE = 1e-12
seeds = st.integers(0, 2**32 - 1)


def drawn(rng: np.random.Generator) -> tuple[Interval, np.ndarray]:
    """Figures from 2 to 10 with halves up to 0.2, and numbers that could stand behind them; never all alike."""
    value, half = rng.permutation(np.linspace(2, 10, SIZE)), rng.uniform(0, 0.2, SIZE)
    return around(value, half), value + half * rng.uniform(-1, 1, SIZE)


def holds(bounds: Interval, number: np.ndarray) -> bool:
    return bool(np.all((bounds.low - CLOSE <= number) & (number <= bounds.high + CLOSE)))


@given(seeds)
def test_every_operation_holds_what_could_stand_behind_the_figures(seed):
    rng = np.random.default_rng(seed)
    (a, x), (b, y) = drawn(rng), drawn(rng)
    weights = rng.normal(size=(3, SIZE))
    pairs = [
        (a + b, x + y), (a - b, x - y), (a * b, x * y), (a / b, x / y), (-a, -x), (2 - a, 2 - x), (2 / a, 2 / x),
        (weights[0] * a, weights[0] * x), (a.map(np.log), np.log(x)), ((a - b).squares(), (x - y) ** 2),
        ((a - b).magnitude(), np.abs(x - y)), (a.sum(), x.sum()), (a.mean(), x.mean()), (a.lowest(), x.min()),
        (a.highest(), x.max()), (weigh(weights, a), weights @ x), (from_mean(a), x - x.mean()),
        (explained(a - b, from_mean(a)), 1 - ((x - y) ** 2).sum() / ((x - x.mean()) ** 2).sum()),
    ]  # fmt: skip
    assert all(holds(bounds, number) for bounds, number in pairs)


@given(seeds)
def test_the_value_is_that_of_the_printed_figures(seed):
    rng = np.random.default_rng(seed)
    (a, _), (b, _) = drawn(rng), drawn(rng)
    found = explained(a / b - 1, from_mean(a))
    expected = 1 - ((a.value / b.value - 1) ** 2).sum() / ((a.value - a.value.mean()) ** 2).sum()
    assert float(found.value) == pytest.approx(expected, rel=CLOSE)


def test_known_bounds():
    third = around(1.0, 0.5) / around(3.0, 0.5)
    assert (float(third.low), float(third.high)) == pytest.approx((0.5 / 3.5, 1.5 / 2.5))
    square = around(0.1, 0.3).squares()
    assert (float(square.low), float(square.high)) == pytest.approx((0.0, 0.16))
    assert weigh(np.array([1.0, -1.0]), around(np.array([2.0, 1.0]), 0.5)).low == pytest.approx(0.0)


def test_a_figure_less_itself_is_nothing_only_when_weighed_at_once():
    figures = around(np.array([2.0, 3.0]), 0.5)
    assert float((figures[0] - figures[0]).high) == 1.0
    assert float(weigh(np.zeros(2), figures).high) == 0.0


def test_a_divisor_that_may_be_zero_is_an_error():
    with pytest.raises(Undefined, match="may be 0"):
        interval(1.0) / around(0.2, 0.5)


def test_an_estimate_is_certain():
    made = stack([around(2.0, 0.5)])[0].estimate(3, "PPL")
    assert (made.value, made.low, made.high, made.level, made.n, made.unit) == (2.0, 1.5, 2.5, 1.0, 3, "PPL")
    assert made.method == "interval arithmetic over the rounding of the published figures"
