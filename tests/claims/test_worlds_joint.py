"""Claims that compare models, on planted models of different depth and size."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from planted import Plan, relabelled, same_shape
from planted_worlds import INVERSE_ROOT_PI, bump, cosine, drop, erf

from semphase.study import JointStudy

pytestmark = pytest.mark.usefixtures("planted_copies")
WORDS = 8
Curve = Callable[[np.ndarray], np.ndarray]


def depths(layers: int) -> np.ndarray:
    return np.arange(layers + 1) / layers


def model(curve: Curve, layers: int, parameters: int = 1000, noise: float = 0.002) -> Plan:
    return Plan(same_shape(curve(depths(layers)), WORDS), noise=noise, parameters=parameters)


def of_width(sigma: float) -> Curve:
    return lambda x: erf(x, sigma)


def zigzag_cosine(x: np.ndarray) -> np.ndarray:
    """A cosine whose deviations no family can follow, so that the one without a parameter wins."""
    return cosine(x) * np.where(x < 1, 1 + 0.02 * (-1) ** np.arange(len(x)), 1)


def turning(angle: float, layers: int, parameters: int) -> Plan:
    x = depths(layers)
    return Plan(same_shape(drop(x), WORDS), noise=0.002, turning=angle * x, parameters=parameters)


def one_word_apart(layers: int) -> Plan:
    """The common curve, but for the last word's."""
    x = depths(layers)
    return Plan(np.concatenate([same_shape(drop(x), WORDS - 1), 0.6 * bump(x)[None]]), noise=0.002)


NARROWER = [model(of_width(sigma), 12, size) for size, sigma in enumerate((0.8, 0.65, INVERSE_ROOT_PI), 1)]
WIDER = [model(of_width(sigma), 12, size) for size, sigma in enumerate((INVERSE_ROOT_PI, 0.65, 0.8), 1)]
TO_PI = [turning(turns * np.pi, 12, size) for size, turns in enumerate((1.3, 1.15, 1.0), 1)]
FROM_PI = [turning(turns * np.pi, 12, size) for size, turns in enumerate((1.0, 1.15, 1.3), 1)]
SAME = [model(drop, 12), model(drop, 24)]
DIFFERENT = [model(drop, 12), model(bump, 24)]
ONE_WORD_APART = [model(drop, 12), one_word_apart(24)]
ONE_WIDTH = [model(of_width(np.sqrt(0.3)), 12), model(of_width(np.sqrt(0.3)), 24)]
TWO_WIDTHS = [model(of_width(np.sqrt(0.3)), 12), model(of_width(0.8), 24)]
COSINES = [model(zigzag_cosine, 12, noise=0.0), model(zigzag_cosine, 16, noise=0.0)]
ONE_COSINE = [COSINES[0], model(drop, 16)]


DECIDED = [
    # claim, the models where it is supported, those where it is refuted
    ("permeation.cross-model", SAME, DIFFERENT),
    ("permeation.cross-model-per-word", SAME, ONE_WORD_APART),
    ("permeation.diffusion-constant", ONE_WIDTH, TWO_WIDTHS),
    ("pi.sigma-converges", NARROWER, WIDER),
    ("pi.rotation-scaling", TO_PI, FROM_PI),
    ("pi.cos-bic-all-models", COSINES, ONE_COSINE),
]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("claim", "plans", "copies", "verdict"),
    [
        pytest.param(claim, *pair, verdict, id=f"{claim}-{verdict}")
        for claim, *pair in DECIDED
        for verdict, pair in (("supported", pair), ("refuted", pair[::-1]))
    ],
)
def test_worlds(studies, verdict_on, claim, plans, copies, verdict):
    pairs = zip(plans, copies, strict=True)
    planted = [replace(plan, copies=relabelled(copy, parameters=plan.parameters)) for plan, copy in pairs]
    found = verdict_on(claim, JointStudy(tuple(studies(plan, f"model-{i}") for i, plan in enumerate(planted))))
    assert found.verdict == verdict, found.detail["parts"]
    assert found.point is (verdict == "supported")
    assert found.control.call == {"supported": "refuted", "refuted": "supported"}[verdict], found.detail
    assert found.control.relation == {"supported": "model only", "refuted": "control only"}[verdict]


def test_the_order_on_the_command_line_does_not_matter(studies, verdict_on):
    made = [studies(plan, f"model-{i}") for i, plan in enumerate(NARROWER)]
    straight, shuffled = (
        verdict_on("pi.sigma-converges", JointStudy(tuple(made[i] for i in order))) for order in ((0, 1, 2), (2, 0, 1))
    )
    assert straight.estimate == shuffled.estimate
    assert straight.control == shuffled.control
