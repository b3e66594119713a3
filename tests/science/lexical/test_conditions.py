"""The five conditions against plain loops and SciPy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from semphase.science.lexical import conditions as c
from semphase.science.lexical.conditions import Conditions
from semphase.stats.nested import Nested, WithoutPrompts

SEEDS = st.integers(0, 2**32 - 1)
LAYERS = 11
X = np.arange(LAYERS) / (LAYERS - 1)
CLOSE = 1e-10
STATISTICS = [c.mean_spread, c.final_spread]
BY_WORD = [c.widening, c.jump_depth, c.collapse_variance]


def random_conditions(seed: int, *draw: int, words: int = 4) -> Conditions:
    rng = np.random.default_rng(seed)
    sigma = rng.uniform(-1, 1, size=(*draw, words, 5, LAYERS))
    sigma[..., -1] = np.sort(sigma[..., -1], axis=-1)
    return Conditions(X, sigma)


def planted(*profiles: np.ndarray, bend: float = 0.0) -> Conditions:
    """σ = h · profile + bend · h², h = −1, −0.5, 0, 0.5, 1."""
    h = np.array([-1, -0.5, 0, 0.5, 1])[:, None]
    return Conditions(X, np.stack([h * profile + bend * h**2 * (X < 1) for profile in profiles]))


@given(SEEDS)
def test_h_is_linear_between_the_strong_conditions(seed):
    data = random_conditions(seed)
    final = data.sigma[..., -1]
    for word in range(4):
        expected = np.interp(final[word], [final[word, 0], final[word, 4]], [-1, 1])
        np.testing.assert_allclose(data.h[word], expected, atol=CLOSE)


@given(SEEDS)
def test_f_and_collapse_by_slow_loops(seed):
    data = random_conditions(seed)
    for word in range(4):
        kept = [i for i in range(5) if abs(data.h[word, i]) > 0.05]
        scaled = [data.sigma[word, i] / data.h[word, i] for i in kept]
        # σ/h can reach 20, so its rounding is twenty times that of σ.
        np.testing.assert_allclose(data.f[word], np.mean(scaled, axis=0), atol=20 * CLOSE)
        expected = np.mean([np.var([row[layer] for row in scaled]) for layer in range(LAYERS - 1)])
        assert c.collapse_variance(data)[word] == pytest.approx(expected)


@given(SEEDS)
def test_the_fan_of_every_word(seed):
    data = random_conditions(seed)
    widths = [data.sigma[word, 4] - data.sigma[word, 0] for word in range(4)]
    np.testing.assert_array_equal(c.fan(data), widths)
    np.testing.assert_array_equal(c.widening(data), [width[-1] - width[0] for width in widths])


@given(SEEDS)
@settings(max_examples=10, deadline=None)
def test_the_worst_monotony_is_that_of_the_fans(seed):
    data = random_conditions(seed)
    rng = np.random.default_rng(seed)

    def without() -> WithoutPrompts[Conditions]:
        moved = data.sigma + rng.normal(0, 0.01, size=(24, *data.sigma.shape))
        return WithoutPrompts(Conditions(X, moved), np.repeat(np.arange(4), 6))

    found = c.Monotony().estimate(Nested(data, 4, without), population="prompts")
    expected = [stats.spearmanr(fan, np.arange(LAYERS)).statistic for fan in c.fan(data)]
    assert found.value == pytest.approx(min(expected))
    assert -1 <= found.low < found.value < found.high <= 1
    assert (found.population, found.units) == (("prompts",), (24,))


@given(st.lists(st.integers(0, 3), min_size=3, max_size=12))
def test_depth_correlation_is_spearmans_with_ties(values):
    curve = np.array(values, float)
    found = c.depth_correlation(curve[None])[0]
    if curve.min() == curve.max():
        assert found == 0
    else:
        assert found == pytest.approx(stats.spearmanr(curve, np.arange(len(curve))).statistic)


def test_the_jump_is_where_its_step_ends():
    assert c.jump_layer(np.array([0, 0.1, 0.7, 0.8])) == 2
    assert c.jump_layer(np.array([[0.9, 0.0, 0.1], [0, 0, -1.0]])).tolist() == [1, 2]


@given(SEEDS)
def test_a_word_jumps_where_its_conditions_jump_on_average(seed):
    data = random_conditions(seed)
    for word in range(4):
        steps = [np.mean([abs(row[k + 1] - row[k]) for row in data.sigma[word]]) for k in range(LAYERS - 1)]
        assert c.jump_depth(data)[word] == X[int(np.argmax(steps)) + 1]


def largest_step(data: Conditions) -> float:
    """The largest share that a step inside carries."""
    return float(c.interior_steps(data)(data).max())


@given(SEEDS)
def test_the_largest_interior_step_by_a_slow_loop(seed):
    data = random_conditions(seed)
    spread = np.mean([np.std(data.sigma[word], axis=0) for word in range(4)], axis=0)
    steps = [abs(spread[k + 1] - spread[k]) for k in range(1, 9)]  # 0.1 … 0.9
    assert largest_step(data) == pytest.approx(max(steps) / (spread.max() - spread.min()))


def test_an_even_rise_is_continuous_and_a_jump_is_not():
    assert largest_step(planted(X)) == pytest.approx(0.1)
    assert largest_step(planted(np.where(X < 0.5, 0, 1.0))) == pytest.approx(1)
    # Steps before 0.1 and after 0.9 do not count.
    assert largest_step(planted(np.where(X < 0.95, 0.0, 1.0))) == 0


def test_words_of_one_profile_collapse_and_bent_ones_do_not():
    np.testing.assert_allclose(c.collapse_variance(planted(X, 0.5 * X)), 0, atol=CLOSE)
    # σ/h = profile + bend · h has variance bend² · mean of h² over h = ±1, ±0.5.
    np.testing.assert_allclose(c.collapse_variance(planted(X, bend=0.4)), 0.4**2 * 0.625)
    np.testing.assert_allclose(planted(X, bend=0.4).f, X[None], atol=CLOSE)


def test_the_final_spread():
    assert c.final_spread(planted(X, 0.5 * X)) == pytest.approx(0.75 * np.std([-1, -0.5, 0, 0.5, 1]))


@given(SEEDS)
def test_swapped_senses_swap_h_and_leave_the_response(seed):
    data = random_conditions(seed)
    swapped = Conditions(X, -data.sigma[:, ::-1])
    np.testing.assert_allclose(swapped.h, -data.h[:, ::-1], atol=CLOSE)
    np.testing.assert_allclose(swapped.f, data.f, atol=20 * CLOSE)
    np.testing.assert_array_equal(c.fan(swapped), c.fan(data))


@pytest.mark.parametrize("statistic", STATISTICS + BY_WORD)
@given(seed=SEEDS)
def test_statistics_of_draws_are_those_of_each_draw(statistic, seed):
    drawn = random_conditions(seed, 3)
    one = Conditions(X, drawn.sigma[0])
    without = one.take_words(np.array([np.delete(np.arange(4), own) for own in range(4)]))
    for data in (drawn, without):
        expected = [statistic(Conditions(X, sigma)) for sigma in data.sigma]
        np.testing.assert_allclose(statistic(data), expected, atol=20 * CLOSE)
    np.testing.assert_array_equal(without.sigma[1], one.sigma[[0, 2, 3]])


@pytest.mark.parametrize("statistic", STATISTICS)
@given(seed=SEEDS, order=st.permutations(range(4)))
def test_the_order_of_words_does_not_matter(statistic, seed, order):
    data = random_conditions(seed)
    np.testing.assert_allclose(statistic(Conditions(X, data.sigma[order])), statistic(data), atol=CLOSE)


def test_known_changes():
    sigma = np.array([[[0, 0.1, 0.9, 1.0], [0, 0.8, 0.9, 1.0]]])
    top1 = np.array([[[5, 5, 7, 7], [5, 5, 7, 8]]])
    at_jump, elsewhere = c.changes_at_jump(sigma, top1)
    # The first condition jumps into layer 2 and changes there, the second into layer 1 and changes later.
    np.testing.assert_array_equal((at_jump, elsewhere), ([0.5], [0.5]))


@given(st.integers(0, 2**32 - 1))
def test_changes_by_a_slow_loop(seed):
    rng = np.random.default_rng(seed)
    sigma, top1 = rng.normal(size=(3, 5, 7)), rng.integers(0, 3, size=(3, 5, 7))
    at_jump, elsewhere = c.changes_at_jump(sigma, top1)
    for word in range(3):
        own, rest = [], []
        for condition in range(5):
            steps = [abs(sigma[word, condition][k + 1] - sigma[word, condition][k]) for k in range(6)]
            changes = [top1[word, condition][k + 1] != top1[word, condition][k] for k in range(6)]
            jump = steps.index(max(steps))
            own.append(changes[jump])
            rest.append(np.mean([change for k, change in enumerate(changes) if k != jump]))
        assert at_jump[word] == pytest.approx(np.mean(own))
        assert elsewhere[word] == pytest.approx(np.mean(rest))
