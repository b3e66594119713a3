"""The Landau claims, those about π and the one about rounded products, on models where each is true and where it is false.

The copies of the one are the other: there the control fails, and here it holds.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from planted import Plan, relabelled, same_shape
from planted_worlds import INVERSE_ROOT_PI, WORLDS, ZIGZAG, X, cosine, drop, erf, step

pytestmark = pytest.mark.usefixtures("planted_copies")
TWELVE = 12
OWN = {
    "linear, twelve words": Plan(same_shape(drop(X), TWELVE), noise=0.005),
    "h² everywhere, twelve words": Plan(same_shape(drop(X), TWELVE), bends=0.25 * (X > 0) * (X < 1), noise=0.005),
    "middle jump, twelve words": Plan(same_shape(step(X, 0.45), TWELVE), noise=0.005),
    "exponent 0.5, zigzag, twelve words": Plan(same_shape(X**0.5 * ZIGZAG, TWELVE), noise=0.0005),
    "late jump, twelve words": Plan(same_shape(step(X, 0.95), TWELVE), noise=0.005),
    "exponent 0.5, twelve words": Plan(same_shape(X**0.5, TWELVE), noise=0.005),
    "cosine, twelve words": Plan(same_shape(cosine(X), TWELVE), noise=0.002),
    "cosine, zigzag, twelve words": Plan(same_shape(cosine(X) * ZIGZAG, TWELVE), noise=0.0005),
    "erf of width 1/√π, twelve words": Plan(same_shape(erf(X, INVERSE_ROOT_PI), TWELVE), noise=0.002),
    "erf of width 0.8, twelve words": Plan(same_shape(erf(X, 0.8), TWELVE), noise=0.002),
    "turns by π, no more": replace(WORLDS["turns by π"]),
}
ALL = WORLDS | OWN
DECIDED = [
    # claim, the world where it is supported, the world where it is refuted
    ("landau.beta-universal", "exponent 0.5", "exponents 0.1 to 2"),
    ("landau.two-stage-best", "middle jump, twelve words", "exponent 0.5, zigzag, twelve words"),
    ("landau.jump-is-unembedding", "late jump, twelve words", "exponent 0.5, twelve words"),
    ("landau.collapse", "linear, twelve words", "h² everywhere, twelve words"),
    ("landau.continuous", "linear, twelve words", "middle jump, twelve words"),
    ("pi.sigma-not-rejected", "erf of width 1/√π, twelve words", "erf of width 0.8, twelve words"),
    ("pi.family-bic-best", "cosine, twelve words", "exponent 0.5, twelve words"),
    ("pi.zero-parameter-bic-best", "cosine, zigzag, twelve words", "exponent 0.5, twelve words"),
    ("pi.rotation", "turns by π", "turns by 1.3 π"),
]


@pytest.mark.parametrize(
    ("claim", "world", "copies", "verdict"),
    [
        pytest.param(claim, *pair, verdict, id=f"{claim}-{verdict}")
        for claim, *pair in DECIDED
        for verdict, pair in (("supported", pair), ("refuted", pair[::-1]))
    ],
)
def test_worlds(studies, verdict_on, claim, world, copies, verdict):
    other = {"supported": "refuted", "refuted": "supported"}[verdict]
    found = verdict_on(claim, studies(replace(ALL[world], copies=relabelled(ALL[copies]))))
    assert found.verdict == verdict, found.detail["parts"]
    assert found.point is (verdict == "supported")
    assert found.control.call == other, found.detail["control_parts"]
    assert found.control.relation == {"supported": "model only", "refuted": "control only"}[verdict]
    assert found.specific is (verdict == "supported")


@pytest.mark.parametrize(
    ("copies", "verdict"),
    [
        pytest.param("erf of width 0.8, twelve words", "supported", id="pi.learned-supported"),
        pytest.param("erf of width 1/√π, twelve words", "refuted", id="pi.learned-refuted"),
    ],
)
def test_a_width_is_learned_where_copies_have_another(studies, verdict_on, copies, verdict):
    world = replace(ALL["erf of width 1/√π, twelve words"], copies=relabelled(ALL[copies]))
    found = verdict_on("pi.learned", studies(world))
    assert found.verdict == verdict, found.detail["parts"]
    assert found.control.call == "refuted"
    assert found.specific is (verdict == "supported")


def test_a_copy_that_agrees_in_the_model_s_place_holds_the_control(studies, verdict_on):
    mixed = relabelled(ALL["erf of width 0.8, twelve words"])
    same = relabelled(ALL["erf of width 1/√π, twelve words"])
    plan = replace(ALL["erf of width 1/√π, twelve words"], copies=lambda seed: (same if seed == 0 else mixed)(seed))
    found = verdict_on("pi.learned", studies(plan))
    assert found.control.call == "supported"
    assert found.control.relation in ("both", "undecided")


@pytest.mark.parametrize(
    ("world", "verdict"),
    [
        pytest.param("angles in the last bits", "supported", id="precision.tf32-collapse-supported"),
        pytest.param("linear, then a drop", "refuted", id="precision.tf32-collapse-refuted"),
    ],
)
def test_rounded_products_wipe_out_what_lies_in_the_last_bits(studies, verdict_on, world, verdict):
    found = verdict_on("precision.tf32-collapse", studies(ALL[world]))
    assert found.verdict == verdict, found.detail["parts"]
    assert found.control.call == "refuted"
    assert found.specific is (verdict == "supported")


def test_words_whose_fit_ends_at_its_bound_have_no_exponent(studies, verdict_on):
    # Four words whose f is constant behind the first block, and eight with an exponent of 0.5.
    flat = same_shape((X > 0) * (1 - 0.2 * X), 4)
    plan = Plan(np.concatenate([same_shape(X**0.5, 8), flat]), noise=0.005)
    found = verdict_on("landau.beta-universal", studies(replace(plan, copies=relabelled(plan))))
    assert found.detail["words with an exponent"] == 8
    assert found.verdict == "supported", found.detail["parts"]
