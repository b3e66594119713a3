"""The Landau hypothesis, on models where each claim is true by construction and on models where it is false.

The copies of the one are the other: there the control fails, and here it holds.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from planted import Plan, relabelled, same_shape
from planted_worlds import ALL_AT_ONCE, WORDS, WORLDS, ZIGZAG, X, both_ways, drop, require_apart, step

pytestmark = pytest.mark.usefixtures("planted_copies")
OWN = {
    "middle jump, twelve words": Plan(same_shape(step(X, 0.45), 12), noise=0.005, arrival=ALL_AT_ONCE),
    "exponent 0.5, zigzag, twelve words": Plan(same_shape(X**0.5 * ZIGZAG, 12)),
    "middle jump, eight words": Plan(same_shape(step(X, 0.45), WORDS), noise=0.005, arrival=ALL_AT_ONCE),
    "linear, twelve words": Plan(same_shape(drop(X), 12), noise=0.005),
    "h² everywhere, twelve words": Plan(same_shape(drop(X), 12), bends=0.25 * (X > 0) * (X < 1), noise=0.005),
}
ALL = WORLDS | OWN
DECIDED = [
    # claim, the world where it is supported, the world where it is refuted
    ("landau.beta-universal", "exponent 0.5", "exponents 0.1 to 2"),
    ("landau.two-stage-best", "middle jump, twelve words", "exponent 0.5, zigzag, twelve words"),
    ("landau.jump-is-unembedding", "late jump", "exponent 0.5"),
    ("landau.collapse", "linear, twelve words", "h² everywhere, twelve words"),
    ("landau.continuous", "linear, then a drop", "middle jump, eight words"),
]


@pytest.mark.parametrize(("claim", "world", "copies", "verdict"), both_ways(DECIDED))
def test_worlds(studies, verdict_on, claim, world, copies, verdict):
    require_apart(verdict_on(claim, studies(replace(ALL[world], copies=relabelled(ALL[copies])))), verdict)
