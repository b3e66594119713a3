"""Claims about single models' words, on models where each is true by construction and on models where it is false.

The copies of the one are the other: there the control fails, and here it holds.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from planted import Plan, relabelled, same_shape
from planted_worlds import WORDS, WORLDS, X, drop

pytestmark = pytest.mark.usefixtures("planted_copies")
_THIRDS = np.concatenate([[0], np.repeat([0.12, 0.05, 0.08], 4)]).cumsum()
OWN = {
    "falls in a straight line": Plan(same_shape(np.where(X > 0.85, 0.8, np.minimum(1.2 * X, 1)), WORDS), noise=0.005),
    "an increment for each third": Plan(same_shape(_THIRDS, WORDS), noise=0.002),
    "answers to nothing": Plan(1e-6 * same_shape(drop(X), WORDS)),
}
DECIDED = [
    # claim, the world where it is supported, the world where it is refuted
    ("order.fan-out", "linear, then a drop", "interior peak"),
    ("order.two-stage-jump", "late jump", "linear, then a drop"),
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
    ("permeation.attention-origin", "attention writes", "the MLP writes"),
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
    found = verdict_on(claim, studies(replace(WORLDS[world], copies=relabelled(WORLDS[copies]))))
    assert found.verdict == verdict, found.detail["parts"]
    assert found.point is (verdict == "supported")
    assert found.control.call == other, found.detail["control_parts"]
    assert found.control.relation == {"supported": "model only", "refuted": "control only"}[verdict]
    assert found.specific is (verdict == "supported")
