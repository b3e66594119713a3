"""`permeation.drop-is-nonlinearity` on models with one and the same f, which falls after its peak for different reasons."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from planted import Plan, relabelled, same_shape
from planted_worlds import WORDS, WORLDS, X, drop

from semphase import NotApplicable
from semphase.science.lexical.facet import Lexical

pytestmark = pytest.mark.usefixtures("planted_copies")
CLAIM = "permeation.drop-is-nonlinearity"
PEAK = 10
AFTER = np.arange(len(X)) > PEAK
H = np.arange(1, 11) / 10
LOST = 3 * np.sum(H**2 * (1 - H)) / np.sum(2 * H**2)
"""By how much the slope of σ on h falls where the contexts of one sense fade three times over."""
LEVEL = same_shape(np.minimum(1.2 * X, 1), WORDS)
FADING = 3 * LEVEL * AFTER

FADES = Plan(LEVEL, fades=(FADING, 0.0), noise=0.005)
FALLS = Plan(LEVEL * np.where(AFTER, 1 - LOST, 1), noise=0.005)
BOTH_FADE = Plan(LEVEL, fades=(FADING / 2, FADING / 2), noise=0.005)
FALLS_TO_NOISE = Plan(same_shape(np.where(AFTER, 0.02, np.minimum(1.2 * X, 1)), WORDS), noise=0.005)
FEW_FALL = Plan(np.concatenate([same_shape(drop(X), 5), same_shape(X, 3)]), noise=0.005)


@pytest.mark.parametrize("plan", [FADES, FALLS, BOTH_FADE], ids=["fades", "falls", "both fade"])
def test_f_rises_to_its_peak_and_falls_by_as_much_in_all(studies, plan):
    g = studies(plan).facet(Lexical).response_by_step.point.g_mean
    np.testing.assert_allclose(g, np.where(AFTER, 1 - LOST, np.minimum(1.2 * X, 1)), atol=0.01)
    assert g.argmax() == PEAK


def test_a_fall_that_is_a_bend_supports_the_claim(studies, verdict_on):
    verdict = verdict_on(CLAIM, studies(FADES))
    assert (verdict.verdict, verdict.point) == ("supported", True)
    assert min(verdict.detail["gain after"]) > 5 * max(verdict.detail["gain before"])


@pytest.mark.parametrize("plan", [FALLS, FALLS_TO_NOISE, WORLDS["linear, then a drop"]])
@pytest.mark.parametrize("seed", range(2))
def test_a_fall_in_a_straight_line_does_not(studies, verdict_on, plan, seed):
    verdict = verdict_on(CLAIM, studies(replace(plan, seed=seed)))
    assert verdict.verdict in ("refuted", "inconclusive"), verdict.detail["parts"]
    assert not verdict.point


def test_a_bend_before_the_peak_refutes_it(studies, verdict_on):
    bends_early = replace(FALLS, bends=0.2 * ((X > 0) & ~AFTER))
    assert verdict_on(CLAIM, studies(bends_early)).verdict == "refuted"


@pytest.mark.parametrize(("copies", "supported"), [(FALLS, False), (FADES, True)], ids=["fall", "fade"])
@pytest.mark.parametrize(("plan", "verdict"), [(FADES, "supported"), (FALLS, "inconclusive")], ids=["fades", "falls"])
def test_the_control_comes_out_both_ways(studies, verdict_on, plan, verdict, copies, supported):
    found = verdict_on(CLAIM, studies(replace(plan, copies=relabelled(copies))))
    assert found.verdict == verdict
    assert found.control.point is supported
    assert found.control.call == ("supported" if supported else "inconclusive")
    assert found.control.relation == ("both" if supported and verdict == "supported" else "undecided")


def test_copies_that_never_fall_are_no_control(studies, verdict_on):
    rising = Plan(same_shape(X, WORDS), noise=0.005)
    found = verdict_on(CLAIM, studies(replace(FADES, copies=relabelled(rising))))
    assert (found.verdict, found.control) == ("supported", None)
    assert found.reason == "no control: the estimate is not defined for any untrained copy"


def test_it_does_not_apply_where_few_words_fall(studies, verdict_on):
    with pytest.raises(NotApplicable, match=r"^f falls after its peak in 5 words, and 6 are needed$"):
        verdict_on(CLAIM, studies(FEW_FALL))


def test_a_bend_alike_for_both_senses_has_no_quadratic_term(studies, verdict_on):
    """The registered rule looks at h² alone; docs/limits.md says so."""
    assert verdict_on(CLAIM, studies(BOTH_FADE)).verdict == "refuted"
