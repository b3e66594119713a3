"""A screening is judged by the heads whose exact effect is known; what it cannot rank is confirmed."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from semphase.science.heads.trust import BROKEN, DRAWN, REACH, SOUND, Trial, drawn

COUNT = 60
EXACT = np.random.default_rng(0).lognormal(-3, 1.5, size=200)
SPREAD = float(np.subtract(*np.percentile(EXACT, [75, 25])))


def trial(noise: np.ndarray) -> Trial:
    """Heads near the cut are known, and a few over the whole ranking."""
    made = Trial(EXACT + noise, COUNT)
    ranks = np.argsort(np.argsort(made.screened))
    near = np.flatnonzero(np.abs(ranks - COUNT + 0.5) < 3)
    checked = drawn(made.screened, near, np.random.default_rng(2))
    made.drawn[checked] = True
    for chosen in (near, checked):
        made.exact[chosen] = EXACT[chosen]
    return made


def noise(share: float, seed: int = 1) -> np.ndarray:
    return share * SPREAD * np.random.default_rng(seed).normal(size=len(EXACT))


def test_sound_screening_needs_no_more_heads() -> None:
    made = trial(noise(0.05))
    assert 0 < made.error < SOUND
    assert made.sound


def test_a_broken_one_leaves_all_to_be_measured() -> None:
    made = trial(noise(3.0))
    assert made.error > BROKEN
    np.testing.assert_array_equal(made.doubtful(), np.flatnonzero(~made.known))


def test_between_them_the_band_is_widened_until_its_edges_are_beyond_the_error() -> None:
    made = trial(noise(0.4))
    assert SOUND < made.error < BROKEN
    before = misplaced(made)
    while len(doubtful := made.doubtful()):
        made.exact[doubtful] = EXACT[doubtful]
    left = ~made.known
    assert left.any()
    assert (np.abs(made.effects - made.cut)[left] > REACH * made.error * made.spread).all()
    # Of errors of one standard deviation in a band of two, one in twenty reaches from outside of it.
    assert misplaced(made) <= 3 < before


def misplaced(made: Trial) -> int:
    """How many of the least effects are none of the least ones."""
    return len(set(np.argsort(made.effects)[:COUNT]) - set(np.argsort(EXACT)[:COUNT]))


def test_a_large_error_of_a_far_head_moves_no_decision() -> None:
    """An error of a fifth of the largest effect is more than the spread of all, and only there does it not matter."""
    large, near = int(np.argmax(EXACT)), int(np.argsort(EXACT)[COUNT])
    assert 0.2 * EXACT[large] > SPREAD
    found = []
    for head in (large, near):
        made = Trial(EXACT.copy(), COUNT)
        made.screened[head] += 0.2 * EXACT[large]
        made.exact[head] = EXACT[head]
        found.append(float(made.shares[0]))
    assert found[0] < SOUND < 1 < found[1]


def test_effects_that_are_all_alike_are_ranked_by_any_screening_without_error() -> None:
    made = Trial(np.ones(8), 2)
    made.exact[:3] = 1.0
    assert made.error == 0
    assert made.sound
    made.exact[0] = 1.1
    assert len(made.doubtful()) == 5


@given(size=st.integers(1, 60), taken=st.integers(0, 60), seed=st.integers(0, 9))
def test_heads_that_check_lie_over_the_whole_ranking(size: int, taken: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    effects, beside = rng.normal(size=size), rng.permutation(size)[: min(taken, size)]
    found = drawn(effects, beside, np.random.default_rng(seed))
    left = np.setdiff1d(np.arange(size), beside)
    assert len(found) == len(set(found)) == min(DRAWN, len(left))
    assert set(found) <= set(left)
    if len(left) >= DRAWN:
        ranks = np.argsort(np.argsort(effects[left]))[np.isin(left, found)]
        assert ranks.min() < -(-len(left) // DRAWN)
        assert ranks.max() >= len(left) - -(-len(left) // DRAWN)


def test_what_is_drawn_is_drawn_again() -> None:
    pick = [drawn(EXACT, np.array([1, 2]), np.random.default_rng(3)) for _ in range(2)]
    np.testing.assert_array_equal(*pick)
    assert pick[0].tolist() != drawn(EXACT, np.array([1, 2]), np.random.default_rng(4)).tolist()
