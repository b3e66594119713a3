"""A control beside the model: relation, mean of copies, contrast, checked by hand and in simulated worlds."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy import stats

from semphase.stats.estimate import Estimate, census
from semphase.stats.sampling import Sampling
from semphase.verdict import Claim, Criterion, Evidence, above, at_most, below, between
from semphase.verdict.contrast import beside, contrast_of, mean_of_copies, relation_of
from semphase.verdict.decision import Call

WORLDS = 400
EVERYWHERE = (-math.inf, math.inf)
RULE = above(0.0)


def claim(*parts: Criterion) -> Claim:
    return Claim("a.b", "s", "rule", parts, "mean", "ours", "copies")


def measured(value: float, deviations: np.ndarray | None = None, half: float = 1.0) -> Evidence:
    """An estimate of ± `half`, with the deviations of its units where they are given."""
    sampling = None
    if deviations is not None:
        own = Sampling.of_ends(value, value - half, value + half)
        sampling = Sampling(own.above, own.below, (deviations,))
    return Evidence(Estimate(value, value - half, value + half, "t", 9, "nats", 0.95, ("words",), (9,), "", sampling))


def counted(value: float) -> Evidence:
    return Evidence(census(value, "all heads", 9))


@pytest.mark.parametrize(
    ("model", "control", "relation"),
    [
        ("supported", "refuted", "model only"), ("supported", "supported", "both"),
        ("refuted", "supported", "control only"), ("refuted", "refuted", "neither"),
        *((own, "inconclusive", "undecided") for own in ("supported", "refuted", "inconclusive")),
        ("inconclusive", "supported", "undecided"), ("inconclusive", "refuted", "undecided"),
    ],
)  # fmt: skip
def test_relations(model: Call, control: Call, relation: str) -> None:
    assert relation_of(model, control) == relation


def test_the_contrast_of_five_copies_by_hand() -> None:
    copies = [counted(value) for value in (1.0, 2.0, 3.0, 4.0, 5.0)]
    found = contrast_of(above(2.0), counted(10.0), copies)
    # Margins: 8 less the mean of −1, 0, 1, 2, 3; s² = 2.5, so the error is √(2.5 · 6/5) = √3, and t of 4 is 2.776.
    assert found.value == 7.0
    assert (found.low, found.high) == pytest.approx((7 - 2.7764 * math.sqrt(3), 7 + 2.7764 * math.sqrt(3)), rel=1e-4)
    assert found.p_above(0.0) == pytest.approx(stats.t.sf(7 / math.sqrt(3), 4))
    assert (found.population, found.units) == (("seeds",), (5,))


def test_the_units_of_the_claim_are_paired() -> None:
    rng = np.random.default_rng(0)
    shared = rng.normal(size=9)
    own = rng.normal(size=9)
    copies = [measured(value, shared) for value in (1.0, 2.0, 3.0, 4.0, 5.0)]
    alike = contrast_of(RULE, measured(10.0, shared + 1e-9 * own), copies)
    assert (alike.high - alike.low) / 2 == pytest.approx(2.7764 * math.sqrt(3), rel=1e-4)
    unlike = contrast_of(RULE, measured(10.0, shared + own), copies)
    error = math.sqrt(3 + own.var(ddof=1) / 9)
    assert (unlike.high - unlike.low) / 2 == pytest.approx(2.7764 * error, rel=1e-4)


def test_margins_below_a_threshold_grow_downwards() -> None:
    copies = [counted(value) for value in (1.0, 2.0, 3.0)]
    assert contrast_of(at_most(0.0), counted(-1.0), copies).value == 3.0
    assert contrast_of(between(0, 1), counted(0.5), [counted(2.0), counted(-2.0)]).value == 0.5 + 1.5


def test_copies_that_are_all_alike_tell_nothing_of_a_sixth() -> None:
    found = contrast_of(RULE, counted(1.0), [counted(-1.0)] * 5)
    assert (found.value, found.low, found.high) == (2.0, -math.inf, math.inf)
    assert found.lacks


def test_each_of_several_parts_has_its_share_of_the_level() -> None:
    copies = [counted(value) for value in (1.0, 2.0, 3.0, 4.0, 5.0)]
    one, two = (contrast_of(RULE, counted(10.0), copies, parts) for parts in (1, 2))
    assert two.high - two.value == pytest.approx(stats.t.isf(0.0125, 4) * math.sqrt(3))
    assert two.level == pytest.approx(0.975)
    assert one.high < two.high


def test_the_mean_of_copies_holds_units_and_copies() -> None:
    found = mean_of_copies([measured(value) for value in (1.0, 2.0, 3.0)], EVERYWHERE).estimate
    # Units: ±1; copies: s = 1, t of 2 is 4.303, so ±4.303/√3 = 2.484; together √(1 + 2.484²) = 2.678.
    assert found.value == 2.0
    assert (found.low, found.high) == pytest.approx((2 - 2.678, 2 + 2.678), rel=1e-3)
    inside = mean_of_copies([measured(value) for value in (1.0, 2.0, 3.0)], (0.0, 3.0)).estimate
    assert (inside.low, inside.high) == (0.0, 3.0)


def test_one_copy_is_its_own_mean() -> None:
    one = measured(1.0)
    assert mean_of_copies([one], EVERYWHERE) is one


def test_the_mean_of_copies_of_a_census_is_drawn_from_seeds() -> None:
    found = mean_of_copies([counted(1.0), counted(2.0)], EVERYWHERE).estimate
    assert (found.population, found.units) == (("seeds",), (2,))
    assert mean_of_copies([counted(1.0), counted(1.0)], EVERYWHERE).estimate.exact


def test_the_verdict_on_a_control_is_that_of_its_mean_and_not_of_most() -> None:
    # Three of five copies are supported by themselves; their mean, −0.4 ± 1.9, is undecided.
    copies = [{"estimate": measured(value, half=0.1)} for value in (1.0, 1.0, 1.0, -2.0, -3.0)]
    found, _ = beside(claim(above(0.0)), "copies", {"estimate": measured(5.0, half=0.1)}, copies)
    assert (found.call, found.relation, found.apart) == ("inconclusive", "undecided", False)


def test_the_contrast_shown_is_of_the_part_that_tells_most() -> None:
    parts = (above(0.0, "near"), above(0.0, "far"))
    copies = [{"near": counted(value), "far": counted(value)} for value in (-5.0, -4.0, -3.0, -2.0, -1.0)]
    found, _ = beside(claim(*parts), "copies", {"near": counted(0.5), "far": counted(20.0)}, copies)
    assert found.contrast is not None
    assert found.contrast.value == 23.0
    assert (found.relation, found.apart) == ("model only", True)


def test_a_sixth_copy_is_seldom_specific() -> None:
    """Six exchangeable copies, the first taken for the model; 2.5 % of worlds may call it apart, give or take noise."""
    rng = np.random.default_rng(1)
    most = stats.binom.isf(0.001, WORLDS, 0.025)
    for spread, units in itertools.product((0.2, 2.0), (0, 20)):
        apart = above_zero = 0
        for _ in range(WORLDS):
            values = rng.normal(scale=spread, size=6)
            noise = rng.normal(size=(6, units)) * 0.5
            six = [
                measured(value + own.mean(), own, half=0.22) if units else counted(value)
                for value, own in zip(values, noise, strict=True)
            ]
            model, copies = {"estimate": six[0]}, [{"estimate": one} for one in six[1:]]
            found, _ = beside(claim(above(0.0)), "copies", model, copies)
            assert found.contrast is not None
            apart += found.apart
            above_zero += found.contrast.low > 0
        assert apart <= above_zero <= most, (spread, units, apart, above_zero)


def test_a_model_far_from_its_copies_is_specific() -> None:
    rng = np.random.default_rng(2)
    found = 0
    for _ in range(100):
        copies = [{"estimate": counted(value)} for value in rng.normal(-3.0, 0.3, size=5)]
        found += beside(claim(above(0.0)), "copies", {"estimate": counted(rng.normal(3.0, 0.3))}, copies)[0].apart
    assert found == 100


def test_what_can_only_be_positive_is_compared_by_its_logarithm() -> None:
    ratio = below(1.1, within=(0, math.inf))
    values = np.array([1.05, 9.0, 30.0, 12.0, 25.0, 17.0])
    model, *copies = [Evidence(Estimate(v, 0.9 * v, 1.1 * v, "t", 9)) for v in values]
    found = contrast_of(ratio, model, copies)
    logs = np.log(values)
    assert found.value == pytest.approx(logs[1:].mean() - logs[0])
    assert found.low > 0
    together = mean_of_copies(copies, ratio.within).estimate
    assert together.value == pytest.approx(np.exp(logs[1:].mean()))
    assert together.low > 1.1
    assert together.p_above(together.low) == pytest.approx(0.025)


def test_a_ratio_of_0_is_compared_as_it_is() -> None:
    model, *copies = [Evidence(Estimate(v, 0.0, v + 1, "t", 9)) for v in (0.0, 3.0, 4.0, 5.0)]
    assert contrast_of(below(1.1, within=(0, math.inf)), model, copies).value == pytest.approx(4.0)


@pytest.mark.parametrize("combine", ["all", "any"])
def test_a_part_that_does_not_set_the_model_apart_makes_nothing_specific(combine: str) -> None:
    two = Claim("a.b", "s", "rule", (above(0.0, "a"), above(0.0, "b")), "mean", "ours", "copies", combine=combine)  # type: ignore[arg-type]
    # On a the model is apart, by less than its copies scatter; on b both sides agree, whichever it is.
    alike = {"all": (90.0, 5.0), "any": (-5.0, -90.0)}[combine]
    copies = [
        {"a": measured(-5.0 + shift, half=0.1), "b": measured(alike[1] + shift / 90, half=0.1)}
        for shift in (1.5, -1.5, 0.2, 1.2, -1.2)
    ]
    found, _ = beside(two, "copies", {"a": measured(0.5, half=0.1), "b": measured(alike[0], half=0.1)}, copies)
    assert found.relation == "model only"
    assert found.contrast is not None
    assert found.contrast.method.startswith("a: ")
    assert found.contrast.value == pytest.approx(5.46)


def test_copies_that_differ_by_rounding_alone_are_alike() -> None:
    copies = [measured(1.0 + step * 1e-16, np.zeros(9), half=0.0) for step in range(5)]
    found = contrast_of(RULE, measured(4.0, np.zeros(9), half=0.0), copies)
    assert found.lacks == "copies that are not all alike"
