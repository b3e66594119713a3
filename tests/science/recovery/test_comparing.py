"""Paired gains over tasks: intervals that cover, Holm's correction, and what a plan of so many items can show."""

from __future__ import annotations

import itertools
from functools import cache

import numpy as np
import pytest
from planted_answers import answered, of
from scipy import optimize, stats
from statsmodels.stats.multitest import multipletests

from semphase.errors import NotApplicable, SemphaseError
from semphase.science.recovery.comparing import (
    by_task,
    flops_ratios,
    gain,
    require_no_more_flops,
    smallest_gain,
)
from semphase.stats.level import TAIL
from semphase.stats.paired import mcnemar_p, share_increase

ITEMS = 96
BOTH = (TAIL, TAIL)
CELLS = [
    # Shares of pairs that are gained and lost: no pair ever differs, one way only, correlated, independent, opposite.
    (0.0, 0.0), (0.01, 0.0), (0.02, 0.0), (0.05, 0.0), (0.2, 0.0), (0.5, 0.0), (0.9, 0.0), (0.0, 0.2), (0.02, 0.02),
    (0.1, 0.05), (0.1, 0.1), (0.3, 0.1), (0.25, 0.25), (0.4, 0.1), (0.5, 0.2), (0.6, 0.4), (0.45, 0.55), (0.5, 0.5),
]  # fmt: skip


def pairs(gained: int, lost: int, n: int) -> tuple[np.ndarray, np.ndarray]:
    a, b = np.zeros(n), np.zeros(n)
    b[:gained] = 1
    a[gained : gained + lost] = 1
    return a, b


@cache
def every_interval(n: int, tails: tuple[float, float]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Every outcome of n pairs with both ends of its interval."""
    outcomes = [(gained, lost) for gained in range(n + 1) for lost in range(n + 1 - gained)]
    ends = [share_increase(*pairs(gained, lost, n), tails)[1:] for gained, lost in outcomes]
    return np.array(outcomes), *np.array(ends).T


def probabilities(outcomes: np.ndarray, n: int, up: float, down: float) -> np.ndarray:
    counts = np.column_stack([outcomes, n - outcomes.sum(axis=1)])
    return stats.multinomial.pmf(counts, n, [up, down, 1 - up - down])


@pytest.mark.parametrize("n", [24, pytest.param(ITEMS, marks=pytest.mark.slow)])
@pytest.mark.parametrize(("up", "down"), CELLS)
def test_an_increase_of_shares_is_covered(n, up, down):
    """Exactly, by all outcomes: no draws."""
    outcomes, low, high = every_interval(n, BOTH)
    weight = probabilities(outcomes, n, up, down)
    held = (low <= up - down + 1e-12) & (up - down <= high + 1e-12)
    assert weight.sum() == pytest.approx(1)
    assert weight[held].sum() >= 0.93


def test_draws_of_correlated_answers_are_covered():
    rng, covered = np.random.default_rng(0), []
    for correlation, share, effect in itertools.product((0.0, 0.5, 0.9), (0.3, 0.55), (0.0, 0.3)):
        shape = (120, ITEMS)
        a = rng.random(shape) < share
        same = rng.random(shape) < correlation
        b = np.where(same, a, rng.random(shape) < share) | (rng.random(shape) < effect)
        true = (1 - share) * effect
        found = [share_increase(*own, BOTH) for own in zip(a.astype(float), b.astype(float), strict=True)]
        covered.append(np.mean([low <= true <= high for _, low, high in found]))
    # Twelve settings of 120 draws: a share of 0.93 comes out below 0.915 in 2 of 100 repetitions.
    assert np.mean(covered) >= 0.93
    assert min(covered) >= 0.87


@pytest.mark.parametrize("n", range(1, 401, 3))
def test_the_same_for_all_pairs_has_an_interval_for_any_number(n):
    value, low, high = share_increase(np.ones(n), np.zeros(n), BOTH)
    assert value == low == -1
    assert -1 < high <= 1


@pytest.mark.parametrize("n", [2, 24])
def test_no_interval_is_a_point_and_all_hold_what_was_found(n):
    outcomes, low, high = every_interval(n, BOTH)
    found = (outcomes[:, 0] - outcomes[:, 1]) / n
    assert (high - low > 0.01).all()
    inside = np.abs(found) < 1
    assert (low <= found)[inside].all()
    assert (found <= high)[inside].all()
    assert low.min() >= -1
    assert high.max() <= 1


def test_pairs_that_never_differ_have_an_interval():
    """Wilson's of none of 96: z²/(n + z²)."""
    value, low, high = share_increase(*pairs(0, 0, ITEMS), BOTH)
    assert value == 0
    assert (low, high) == pytest.approx((-3.8415 / 99.8415, 3.8415 / 99.8415), abs=1e-5)


@pytest.mark.parametrize(("gained", "lost", "n"), [(14, 5, 50), (1, 0, 24), (24, 0, 24), (3, 21, 24), (40, 2, 96)])
def test_ends_are_where_the_score_test_just_rejects(gained, lost, n):
    """An independent way: the likeliest shares under the increase by a search, the statistic from their variance."""
    value, low, high = share_increase(*pairs(gained, lost, n), BOTH)
    assert value == pytest.approx((gained - lost) / n)
    for end in {low, high} - {-1.0, 1.0}:

        def unlikely(down, up=end):
            cells = np.array([down + up, down, 1 - 2 * down - up])
            return -stats.multinomial.logpmf([gained, lost, n - gained - lost], n, cells)

        inside = (max(0.0, -end), min((1 - end) / 2, 1 - max(0.0, end)))
        down = optimize.minimize_scalar(unlikely, bounds=inside, method="bounded", options={"xatol": 1e-12}).x
        score = (value - end) / np.sqrt((2 * down + end - end**2) / n)
        assert abs(score) == pytest.approx(stats.norm.isf(TAIL), abs=2e-4)


def test_tails_are_those_asked_for():
    _, low, high = share_increase(*pairs(14, 5, 50), (TAIL, TAIL / 4))
    assert low == share_increase(*pairs(14, 5, 50), BOTH)[1]
    assert high == share_increase(*pairs(14, 5, 50), (0.1, TAIL / 4))[2]
    assert high > share_increase(*pairs(14, 5, 50), BOTH)[2]


def test_an_increase_turns_round_with_its_pairs():
    a, b = pairs(9, 4, 40)
    value, low, high = share_increase(a, b, BOTH)
    assert share_increase(b, a, BOTH) == pytest.approx((-value, -high, -low))


def test_no_pairs_are_refused():
    with pytest.raises(SemphaseError, match=r"needs pairs and got none"):
        share_increase(np.zeros(0), np.zeros(0), BOTH)


# Several tasks

BEFORE = [of(pairs(*own, ITEMS)[0]) for own in ((20, 4), (14, 5), (9, 3))]
AFTER = [of(pairs(*own, ITEMS)[1]) for own in ((20, 4), (14, 5), (9, 3))]


def test_the_p_value_is_the_largest_after_holm():
    found = gain(BEFORE, AFTER)
    alone = [stats.binomtest(up, up + down, alternative="greater").pvalue for up, down in ((20, 4), (14, 5), (9, 3))]
    rejected, corrected, *_ = multipletests(alone, method="holm")
    assert found.p_value == pytest.approx(max(corrected))
    assert found.p_value == pytest.approx(max(3 * alone[0], 2 * alone[1], alone[2]))
    assert (found.p_value < 0.05) == rejected.all()
    assert found.estimate == smallest_gain(BEFORE, AFTER)


@pytest.mark.parametrize(("gained", "decided"), [((30, 30, 30), True), ((30, 30, 4), False), ((30, 0, 30), False)])
def test_every_task_must_gain(gained, decided):
    before = [of(np.zeros(ITEMS)) for _ in gained]
    after = [of(pairs(up, 0, ITEMS)[1]) for up in gained]
    alone = [mcnemar_p(a.right.astype(float), b.right.astype(float)) for a, b in zip(before, after, strict=True)]
    assert (gain(before, after).p_value < 0.05) == decided
    assert gain(before, after).p_value >= max(alone)


def test_the_smallest_gain_and_the_ends_of_all():
    found = smallest_gain(BEFORE, AFTER)
    ends = [
        share_increase(a.right.astype(float), b.right.astype(float), (TAIL, TAIL / 3))
        for a, b in zip(BEFORE, AFTER, strict=True)
    ]
    assert found.value == pytest.approx(6 / ITEMS)
    assert (found.low, found.high) == pytest.approx((min(own[1] for own in ends), min(own[2] for own in ends)))
    assert (found.n, found.unit) == (3 * ITEMS, "share")
    assert (found.population, found.units, found.lacks) == (("prompts",), (3 * ITEMS,), "")
    assert found.method.startswith("smallest of 3 tasks, score interval of a paired difference")
    assert smallest_gain(BEFORE[:1], AFTER[:1]).method.startswith("one task, ")


def test_interval_and_p_agree():
    found = smallest_gain(BEFORE, AFTER)
    assert found.p_above(found.low) == pytest.approx(TAIL, rel=1e-3)
    assert found.p_below(found.high) == pytest.approx(TAIL, rel=1e-3)
    assert found.p_above(found.low - 0.01) < TAIL < found.p_above(found.low + 0.01)
    assert found.p_above(-0.99) > 0
    same = smallest_gain([of(np.zeros(ITEMS))], [of(np.zeros(ITEMS))])
    assert (same.p_above(0.0), same.p_below(0.0)) == pytest.approx((1.0, 1.0))


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_an_interval_holds_its_value_at_the_ends(share):
    found = smallest_gain([answered(1 - share)], [answered(share)])
    assert found.value == (1 if share else -1)
    assert found.low <= found.value <= found.high


def test_the_smallest_gain_is_covered():
    """Four tasks, three of which gain nothing: what the verdicts compare with."""
    rng, n, draws = np.random.default_rng(1), 48, 300
    covered = 0
    for _ in range(draws):
        before = [rng.random(n) < 0.4 for _ in range(4)]
        after = [np.where(rng.random(n) < 0.5, own, rng.random(n) < 0.4) for own in before[:3]]
        after.append(before[3] | (rng.random(n) < 0.5))
        found = smallest_gain([of(own) for own in before], [of(own) for own in after])
        covered += found.low <= 0 <= found.high
    assert covered / draws >= 0.95


@pytest.mark.parametrize("n", [24, pytest.param(ITEMS, marks=pytest.mark.slow)])
@pytest.mark.parametrize("tasks", [1, 4])
@pytest.mark.parametrize("differ", [0.02, 0.1, 0.25, 0.4])
def test_no_gain_is_hardly_taken_for_a_loss(n, tasks, differ):
    """By all outcomes: less than twice its tail for an end, where as many are gained as lost, up to four in five."""
    outcomes, low, high = every_interval(n, (TAIL, TAIL / tasks))
    weight = probabilities(outcomes, n, differ, differ)
    assert weight[high < 0].sum() < 2 * TAIL / tasks
    assert weight[low > 0].sum() < 1.5 * TAIL


@pytest.mark.usefixtures("uncollected")
@pytest.mark.parametrize(("items", "tasks", "power"), [(24, 3, 0.8), (ITEMS, 4, 0.99)])
def test_a_gain_of_forty_points_in_every_task_is_found(items, tasks, power):
    """At the quick and the standard budget."""
    rng, found = np.random.default_rng(2), []
    for _ in range(60):
        before = [rng.random(items) < 0.3 for _ in range(tasks)]
        after = [own | (rng.random(items) < 0.4 / 0.7) for own in before]
        found.append(gain([of(own) for own in before], [of(own) for own in after]).p_value < 0.05)
    assert np.mean(found) >= power


@pytest.mark.usefixtures("uncollected")
def test_a_task_without_a_gain_is_never_found_too_often():
    rng, found = np.random.default_rng(3), []
    for _ in range(200):
        before = [rng.random(ITEMS) < 0.4 for _ in range(2)]
        after = [before[0] | (rng.random(ITEMS) < 0.7), rng.random(ITEMS) < 0.4]
        found.append(gain([of(own) for own in before], [of(own) for own in after]).p_value < 0.05)
    assert np.mean(found) <= 0.08


def test_what_takes_more_operations_is_not_lighter():
    light, same = [answered(0.5, flops=2.0), answered(0.5, flops=3.0)], [answered(0.5, flops=2.0)] * 2
    require_no_more_flops(same, same)
    assert flops_ratios(light, same) == [1.0, 1.5]
    with pytest.raises(NotApplicable, match=r"takes 1\.5 times the operations, so it is no lighter one"):
        require_no_more_flops(light, same)
    with pytest.raises(NotApplicable, match=r"takes operations that are not counted"):
        require_no_more_flops([answered(0.5, flops=float("nan"))], same[:1])


def test_what_is_told_of_each_task():
    found = by_task(["a", "b", "c"], BEFORE, AFTER)
    assert list(found) == ["a", "b", "c"]
    assert found["b"]["gain"] == pytest.approx(9 / ITEMS)
    assert found["b"]["p (McNemar)"] == pytest.approx(stats.binomtest(14, 19, alternative="greater").pvalue)
    assert found["b"]["items"] == ITEMS
