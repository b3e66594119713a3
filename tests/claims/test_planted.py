"""Every claim about one model, on models where it is true by construction and on models where it is false."""

from __future__ import annotations

import pytest
from planted_worlds import WORLDS

pytestmark = pytest.mark.usefixtures("planted_copies")
DECIDED = [
    # claim, the world where it is supported, the world where it is refuted
    ("order.fan-out", "linear, then a drop", "interior peak"),
    ("order.two-stage-jump", "late jump", "linear, then a drop"),
    ("order.causal-mask", "linear, then a drop", "looks ahead"),
    ("landau.beta-universal", "exponent 0.5", "exponents 0.1 to 2"),
    ("landau.two-stage-best", "middle jump", "exponent 0.5, zigzag"),
    ("landau.jump-is-unembedding", "late jump", "exponent 0.5"),
    ("landau.collapse", "linear, then a drop", "h² everywhere"),
    ("landau.continuous", "linear, then a drop", "middle jump"),
    ("critical.no-susceptibility-peak", "linear, then a drop", "interior peak"),
    ("critical.no-phase-boundary", "cosine", "middle jump"),
    ("permeation.linear-when-deep", "linear, then a drop", "noise when deep"),
    ("permeation.word-correlation", "linear, then a drop", "random walks"),
    ("permeation.word-residual", "linear, then a drop", "random walks"),
    ("permeation.separable", "linear, then a drop", "a layer of its own for each word"),
    ("permeation.rise-then-drop", "linear, then a drop", "exponent 0.5"),
    ("permeation.linear-rise", "linear, then a drop", "exponent 0.5"),
    ("permeation.equal-increments", "linear, then a drop", "late jump"),
    ("permeation.erf-best-full", "erf of width 1/√π", "exponent 0.5"),
    ("permeation.power-best-truncated", "exponent 0.5", "middle jump"),
    ("permeation.drop-is-nonlinearity", "h² after the peak", "h² before the peak"),
    ("permeation.increment-correlation", "linear, then a drop", "random walks"),
    ("permeation.attention-origin", "attention writes", "the MLP writes"),
    ("pi.sigma-not-rejected", "erf of width 1/√π", "erf of width 0.8"),
    ("pi.learned", "erf of width 1/√π", "erf of width 1/√π, as in its copies"),
    ("pi.family-bic-best", "cosine", "exponent 0.5"),
    ("pi.zero-parameter-bic-best", "cosine, zigzag", "exponent 0.5"),
    ("pi.rotation", "turns by π", "turns by 1.3 π"),
    ("precision.tf32-collapse", "angles in the last bits", "linear, then a drop"),
    # Extremes of the same truths.
    ("critical.no-susceptibility-peak", "late jump", "a peak above nothing"),
    ("precision.tf32-collapse", "all angles in the last bits", "cosine"),
]


@pytest.mark.parametrize(("claim", "world"), [(claim, world) for claim, world, _ in DECIDED])
def test_a_claim_that_is_true_by_construction_is_supported(studies, verdict_on, claim, world):
    verdict = verdict_on(claim, studies(WORLDS[world]))
    assert verdict.verdict == "supported", verdict.detail["parts"]
    assert verdict.point


@pytest.mark.parametrize(("claim", "world"), [(claim, world) for claim, _, world in DECIDED])
def test_a_claim_that_is_false_by_construction_is_refuted(studies, verdict_on, claim, world):
    verdict = verdict_on(claim, studies(WORLDS[world]))
    assert verdict.verdict == "refuted", verdict.detail["parts"]
    assert not verdict.point


def test_copies_without_an_estimate_leave_the_verdict_without_a_control(studies, verdict_on):
    verdict = verdict_on("permeation.linear-rise", studies(WORLDS["linear, with copies of no shape"]))
    assert verdict.verdict == "supported"
    assert verdict.control is None
    assert verdict.reason == "no control: the estimate is not defined for any untrained copy"
