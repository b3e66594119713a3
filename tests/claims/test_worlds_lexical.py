"""Claims about single models' words, on models where each is true by construction and on models where it is false.

The copies of the one are the other: there the control fails, and here it holds.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from planted import Plan, relabelled, same_shape
from planted_worlds import WORDS, WORLDS, X, both_ways, drop, require_apart, step
from scipy import special

pytestmark = pytest.mark.usefixtures("planted_copies")
_THIRDS = np.concatenate([[0], np.repeat([0.12, 0.05, 0.08], 4)]).cumsum()
_JAGGED = np.concatenate([[0], np.tile([0.14, 0.02], 6)]).cumsum()
OWN = {
    "middle jump, eight words": Plan(same_shape(step(X, 0.45), WORDS), noise=0.005),
    "steps of 15 %": Plan(same_shape(special.expit((X - 0.5) * 2 * np.log(9) / 0.15), WORDS), noise=0.005),
    "falls in a straight line": Plan(same_shape(np.where(X > 0.85, 0.8, np.minimum(1.2 * X, 1)), WORDS), noise=0.005),
    "an increment for each third": Plan(same_shape(_THIRDS, WORDS), noise=0.002),
    "layers of their own": Plan(same_shape(_JAGGED, WORDS), noise=0.005),
    "linear, twelve words": Plan(same_shape(drop(X), 12), noise=0.005),
    "noise when deep, twelve words": Plan(same_shape(drop(X), 12), noise=np.where((X > 0.5) & (X < 1), 0.3, 0.005)),
    "answers to nothing": Plan(1e-6 * same_shape(drop(X), WORDS)),
}
ALL = WORLDS | OWN
DECIDED = [
    # claim, the world where it is supported, the world where it is refuted
    ("order.fan-out", "linear, then a drop", "interior peak"),
    ("order.two-stage-jump", "late jump", "linear, then a drop"),
    ("critical.no-susceptibility-peak", "linear, then a drop", "interior peak"),
    ("critical.no-phase-boundary", "cosine", "steps of 15 %"),
    ("permeation.linear-when-deep", "linear, twelve words", "noise when deep, twelve words"),
    ("permeation.word-correlation", "linear, then a drop", "random walks"),
    ("permeation.word-residual", "linear, then a drop", "random walks"),
    ("permeation.separable", "linear, then a drop", "a layer of its own for each word"),
    ("permeation.rise-then-drop", "linear, then a drop", "exponent 0.5"),
    ("permeation.linear-rise", "linear, then a drop", "exponent 0.5"),
    ("permeation.equal-increments", "linear, then a drop", "late jump"),
    ("permeation.erf-best-full", "erf of width 1/√π", "exponent 0.5"),
    ("permeation.power-best-truncated", "exponent 0.5", "middle jump, eight words"),
    ("permeation.drop-is-nonlinearity", "h² after the peak", "h² before the peak"),
    ("permeation.attention-origin", "attention writes", "the MLP writes"),
]


@pytest.mark.parametrize(("claim", "world", "copies", "verdict"), both_ways(DECIDED))
def test_worlds(studies, verdict_on, claim, world, copies, verdict):
    require_apart(verdict_on(claim, studies(replace(ALL[world], copies=relabelled(ALL[copies])))), verdict)


PERMUTED, MASK = "permeation.increment-correlation", "order.causal-mask"


@pytest.mark.parametrize(
    ("world", "verdict", "control"),
    [
        pytest.param("layers of their own", "supported", "refuted", id=f"{PERMUTED}-supported"),
        pytest.param("an increment for each third", "supported", "supported", id=f"{PERMUTED}-supported-by-thirds"),
        pytest.param("random walks", "refuted", "refuted", id=f"{PERMUTED}-refuted"),
    ],
)
def test_increments_agree_layer_by_layer_or_by_thirds(studies, verdict_on, world, verdict, control):
    found = verdict_on(PERMUTED, studies(ALL[world]))
    assert (found.verdict, found.control.call) == (verdict, control), found.detail
    assert found.specific is ((verdict, control) == ("supported", "refuted"))


def test_increments_that_agree_more_in_the_copies_refute_the_lead(studies, verdict_on):
    plan = ALL["layers of their own"]
    found = verdict_on(PERMUTED, studies(replace(plan, noise=0.02, copies=relabelled(plan))))
    assert [part["verdict"] for part in found.detail["parts"]] == ["supported", "refuted"]
    assert found.verdict == "refuted"


@pytest.mark.parametrize(
    ("world", "verdict", "control"),
    [
        pytest.param("linear, then a drop", "supported", "refuted", id=f"{MASK}-supported"),
        pytest.param("answers to nothing", "supported", "supported", id=f"{MASK}-supported-as-its-control"),
        pytest.param("looks ahead", "refuted", "refuted", id=f"{MASK}-refuted"),
    ],
)
def test_texts_after_and_before_the_word(studies, verdict_on, world, verdict, control):
    found = verdict_on(MASK, studies(ALL[world]))
    assert (found.verdict, found.control.call) == (verdict, control), found.detail
    assert found.specific is ((verdict, control) == ("supported", "refuted"))
    assert found.estimate.low < found.estimate.high


def test_copies_without_an_estimate_leave_the_verdict_without_a_control(studies, verdict_on):
    verdict = verdict_on("permeation.linear-rise", studies(ALL["linear, with copies of no shape"]))
    assert verdict.verdict == "supported"
    assert verdict.control is None
    assert verdict.reason == "no control: the estimate is not defined for any untrained copy"
