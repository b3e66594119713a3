"""Every claim about one model, on models where it is true by construction and on models where it is false."""

from __future__ import annotations

import pytest
from planted_worlds import WORLDS

pytestmark = pytest.mark.usefixtures("planted_copies")
DECIDED = [
    # claim, the world where it is supported, the world where it is refuted
    ("landau.beta-universal", "exponent 0.5", "exponents 0.1 to 2"),
    ("landau.two-stage-best", "middle jump", "exponent 0.5, zigzag"),
    ("landau.jump-is-unembedding", "late jump", "exponent 0.5"),
    ("landau.collapse", "linear, then a drop", "h² everywhere"),
    ("landau.continuous", "linear, then a drop", "middle jump"),
    ("pi.sigma-not-rejected", "erf of width 1/√π", "erf of width 0.8"),
    ("pi.learned", "erf of width 1/√π", "erf of width 1/√π, as in its copies"),
    ("pi.family-bic-best", "cosine", "exponent 0.5"),
    ("pi.zero-parameter-bic-best", "cosine, zigzag", "exponent 0.5"),
    ("pi.rotation", "turns by π", "turns by 1.3 π"),
    ("precision.tf32-collapse", "angles in the last bits", "linear, then a drop"),
    # Extremes of the same truths.
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
