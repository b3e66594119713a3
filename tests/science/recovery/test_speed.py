"""Tokens per second: intervals of known values, the price of a token, and the time of one step."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from scipy import stats
from wandering import generate, prompts_of

from semphase.errors import NotApplicable
from semphase.measure.decoding_speed import cost_of, decoding_rates
from semphase.measure.edits import zeroed
from semphase.measure.sites import heads
from semphase.measure.wiring import form
from semphase.science.recovery import speed
from semphase.science.recovery.speed import KINDS, REPEATS, flops_ratios, rates, ratio
from semphase.science.recovery.spending import SETTINGS, name_of

LIGHT = (zeroed(heads([(0, 1), (0, 2), (1, 0)])), form(heads([(0, 0), (2, 3)]), "identity"))


def dataset(ratios: np.ndarray, seed: int = 0) -> xr.Dataset:
    """Rates of runs with these ratios, in any order, while the machine is busy in some."""
    rng = np.random.default_rng(seed)
    unmodified = rng.uniform(10, 100, len(ratios))
    values = np.stack([unmodified, unmodified * rng.permutation(ratios)])[None]
    return xr.Dataset(
        {"rate": (("setting", "kind", "repeat"), values)}, coords={"setting": ["own"], "kind": list(KINDS)}
    )


@pytest.mark.parametrize("seed", range(3))
def test_a_ratio_is_the_median_between_the_second_lowest_and_the_second_highest(seed):
    found = ratio(dataset(np.array([0.5, 0.9, 1.0, 1.1, 1.2, 1.3, 1.4, 1.6, 9.0]), seed), "own")
    assert (found.value, found.low, found.high) == pytest.approx((1.2, 0.9, 1.6))
    assert (found.n, found.unit, found.level) == (9, "ratio", 0.95)


def test_nine_runs_are_the_fewest_whose_second_values_hold_the_median():
    assert REPEATS == 9
    assert 1 - 2 * stats.binom.cdf(1, 9, 0.5) >= 0.95 > 1 - 2 * stats.binom.cdf(1, 8, 0.5)


def test_runs_are_paired():
    """A machine that is slow in some runs is slow for both."""
    found = ratio(dataset(np.linspace(1.19, 1.21, 9)), "own")
    assert (found.low, found.high) == pytest.approx((1.1925, 1.2075))
    assert (found.population, found.units, found.lacks) == (("repeats",), (9,), "")
    assert found.p_above(1.1) == pytest.approx(0.5**9, rel=1e-3)


def test_rates_of_one_step(tiny):
    told: list[int] = []
    found = decoding_rates(tiny, {"unmodified": (), "lightened": LIGHT}, 2, 10, 1, 1, 0, told.append)
    assert found.shape == (2, 1)
    assert (found > 0).all()
    assert np.isfinite(found).all()
    assert told == [1, 1]  # the first run warms up


@pytest.mark.parametrize("edits", [(), LIGHT], ids=["unmodified", "lightened"])
def test_a_token_costs_what_it_costs_in_a_generation(wandering, edits):
    model, items = wandering("gpt2"), prompts_of((5, 9))
    found, cost = generate(model, items, edits, tokens=4), cost_of(model, edits, 20)
    made = (found.token.values >= 0).sum(axis=2)
    np.testing.assert_array_equal(found.flops.values, cost.of(np.array(items.lengths)[:, None] + 1, made - 1))
    np.testing.assert_array_equal(found.prompt_flops.values, cost.of_prompt(np.array(items.lengths)))
    assert cost_of(model, LIGHT, 20).of(np.array([20]), np.array([1])) < cost_of(model, (), 20).of(
        np.array([20]), np.array([1])
    )


def test_flops_are_compared_at_the_end_of_each_context(study_of, tiny):
    found = flops_ratios(study_of(tiny), LIGHT)
    assert list(found) == ["context 128", "context 1024"]
    light, own = cost_of(tiny, LIGHT, 1024), cost_of(tiny, (), 1024)
    for context in (128, 1024):
        expected = (light.fixed + light.per_key * context) / (own.fixed + own.per_key * context)
        assert found[f"context {context}"] == expected
    assert found["context 1024"] < found["context 128"] < 1


def test_rates_are_measured_once(study_of, tiny, monkeypatch):
    calls: list[tuple[int, int, int, int]] = []

    def planted(_model, edits, batch, context, steps, repeats, _seed, advance):
        calls.append((batch, context, steps, repeats))
        for _ in range(repeats + 1):
            advance(1)
        return np.outer([1.0, 1.3], np.arange(1, repeats + 1)) * batch

    monkeypatch.setattr(speed, "decoding_rates", planted)
    study = study_of(tiny)
    found = rates(study, LIGHT)
    assert [(batch, context) for batch, context, *_ in calls] == list(SETTINGS)
    assert {repeats for *_, repeats in calls} == {REPEATS}
    assert found["rate"].shape == (4, 2, REPEATS)
    assert list(found["setting"].values) == [name_of(*setting) for setting in SETTINGS]
    assert ratio(found, name_of(16, 1024)).value == pytest.approx(1.3)
    xr.testing.assert_identical(rates(study_of(tiny), LIGHT), found)
    assert len(calls) == len(SETTINGS)
    rates(study_of(tiny), LIGHT[:1])
    assert len(calls) == 2 * len(SETTINGS)


def test_a_context_that_is_too_short_is_a_reason(study_of, random_gpt2):
    with pytest.raises(NotApplicable, match="reads 64 tokens, and speed is taken at 1024"):
        rates(study_of(random_gpt2), ())
