"""Total angles, blocks of positions, and growth from model to model."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from semphase.models import Model
from semphase.science.lexical.total_rotation import (
    BLOCK,
    Rotation,
    block_of,
    largest_growth,
    mean_without_blocks,
    near_pi,
    turns,
)
from semphase.study import Study
from semphase.verdict.universes import universe

SEEDS = st.integers(0, 2**32 - 1)


def test_turns_are_sums_in_units_of_pi():
    angle = np.array([[np.pi / 2, np.pi / 2], [np.pi, np.pi / 2]])
    np.testing.assert_allclose(turns(angle), [1, 1.5])


@pytest.mark.parametrize(("total", "near"), [(np.pi, True), (np.pi + 0.0999, True), (np.pi - 0.101, False), (0, False)])
def test_near_means_a_tenth_of_a_radian(total, near):
    assert near_pi(np.array([[total / 3, 2 * total / 3]]))[0] == near


@given(st.integers(BLOCK, 200))
def test_blocks_are_contiguous_and_none_is_shorter_than_half(positions):
    of = block_of(positions)
    assert (np.diff(of) >= 0).all()
    assert set(of) == set(range(of[-1] + 1))
    assert np.bincount(of).min() >= BLOCK / 2
    assert np.bincount(of).max() < 1.5 * BLOCK


@given(SEEDS, st.integers(2 * BLOCK, 130))
def test_means_without_each_block_by_a_slow_loop(seed, positions):
    values = np.random.default_rng(seed).normal(size=positions)
    mean, without = mean_without_blocks(values)
    of = block_of(positions)
    assert mean == pytest.approx(values.mean())
    np.testing.assert_allclose(without, [values[of != own].mean() for own in range(of[-1] + 1)])


@given(SEEDS)
def test_the_largest_growth_is_that_of_the_means(seed):
    rng = np.random.default_rng(seed)
    models = [mean_without_blocks(rng.normal(own, 0.1, size=500)) for own in (1.0, 1.2, 1.1)]
    found = largest_growth(models, lambda turned: np.diff(turned, axis=-1))
    assert found.value == pytest.approx(max(np.diff([mean for mean, _ in models])))
    assert found.low < found.value < found.high
    assert (found.population, found.units) == (("text",), (50,))


def within(study: Study, name: str) -> Rotation:
    return study.in_universe(universe(name)).facet(Rotation)


@pytest.mark.parametrize(
    ("name", "shares"),
    [("", (3 / 5, 4 / 5)), ("position 0 left out", (3 / 4, 3 / 4)), ("first layer left out", (0, 1 / 5))],
)
def test_what_of_the_angles_is_judged(
    study_of: Callable[..., Study],
    random_gpt2: Model,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    shares: tuple[float, float],
) -> None:
    """Both layers turn the last three of five positions by π together; the second alone turns position 0 so, or does not."""
    for first, wanted in zip((0.0, np.pi), shares, strict=True):
        monkeypatch.setattr(Rotation, "measured", np.array([[0.0, first], [0.5, 0.5], *[[1.0, np.pi - 1.0]] * 3]))
        study = study_of(random_gpt2)
        found = within(study, name) if name else study.facet(Rotation)
        assert near_pi(found.angle).mean() == pytest.approx(wanted)


def test_units_of_universes_are_twice_as_long(
    study_of: Callable[..., Study], random_gpt2: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Rotation, "measured", np.random.default_rng(0).uniform(size=(400, 3)))
    study = study_of(random_gpt2)
    (own, without), (other, longer) = (
        found.mean_turns() for found in (study.facet(Rotation), within(study, "blocks of 20 positions"))
    )
    assert own == other
    assert (len(without), len(longer)) == (40, 20)


def test_tokens_of_universes(study_of: Callable[..., Study], random_gpt2: Model) -> None:
    """The model reads 64 positions: BOS and 63 tokens, the 63 after them, or the 63 alone."""
    study = study_of(random_gpt2)
    bos, *text = random_gpt2.encode(study.corpus.text)
    assert study.facet(Rotation).tokens == (bos, *text[:63])
    assert within(study, "the next 500 positions").tokens == (bos, *text[63:126])
    assert within(study, "BOS the other way").tokens == tuple(text[:63])
