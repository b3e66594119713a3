"""The planted worlds: in each, some claims are true and some false by construction."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from planted import Plan, random_walks, relabelled, same_shape
from scipy import special

from semphase.verdict import Verdict

LAYERS, WORDS = 12, 8
X = np.arange(LAYERS + 1) / LAYERS
ALL_AT_ONCE = (0.0,) * 7 + (1.0,)
ALL_HIDDEN = (1 / 7,) * 7 + (0.0,)
MOSTLY_HIDDEN = (0.97 / 7,) * 7 + (0.03,)
# Neither a smooth curve nor a step can follow it: on a zigzag further parameters buy nothing.
ZIGZAG = np.where(X < 1, 1 + 0.02 * (-1) ** np.arange(LAYERS + 1), 1)
INVERSE_ROOT_PI = 1 / np.sqrt(np.pi)


def drop(x: np.ndarray) -> np.ndarray:
    """Rises in a straight line to 1 at x = 5/6 and falls to 0.86."""
    return np.where(x <= 5 / 6 + 1e-9, 1.2 * x, 1 - 0.84 * (x - 5 / 6))


def bump(x: np.ndarray) -> np.ndarray:
    """Peaks at x = 1/2."""
    return np.where(x > 0, 0.3 + 0.7 * np.exp(-(((x - 0.5) / 0.15) ** 2)), 0.0)


def spike_above_nothing(x: np.ndarray) -> np.ndarray:
    """A peak at x = 1/2, a third as much at the end, and elsewhere the opposite of it."""
    return np.select([x == 0, np.isclose(x, 0.5), x == 1], [0.0, 1.0, 1 / 3], -0.1)


def step(x: np.ndarray, at: float) -> np.ndarray:
    """Rises a little everywhere and by 70 % at one layer."""
    return 0.3 * x + 0.7 * (x > at)


def cosine(x: np.ndarray) -> np.ndarray:
    """(1 − cos πx) / 2, which is 1 at x = 1."""
    return (1 - np.cos(np.pi * x)) / 2


def erf(x: np.ndarray, sigma: float) -> np.ndarray:
    """erf(x / (σ√2)) but for the last two points, so that the maximum is 1 as it must be for a normalised curve.

    The last point is lifted to 1 and the one before it lowered in proportion to their derivatives in σ, so that to
    first order the least-squares width is σ still.
    """
    g = special.erf(x / (sigma * np.sqrt(2)))
    slope = x * np.exp(-(x**2) / (2 * sigma**2))
    lift = 1 - g[-1]
    g[-1] += lift
    g[-2] -= lift * slope[-1] / slope[-2]
    return g


def spikes(words: int, layers: int) -> np.ndarray:
    """Every word answers at one layer, each at another, and a little everywhere."""
    return np.where(np.arange(layers + 1) == np.arange(2, words + 2)[:, None], 0.6, 0.2 * (np.arange(layers + 1) > 0))


def written_apart(common: float, attention_wobbles: bool) -> Plan:
    """Attention writes this share of a common profile; a word-specific wobble is written by one of the two parts."""
    shared = same_shape(drop(X), WORDS)
    wobble = 0.15 * random_walks(WORDS, LAYERS, 5)
    return Plan(shared + wobble, written=common * shared + attention_wobbles * wobble, noise=0.002)


def _early(x: np.ndarray) -> np.ndarray:
    return (x > 0) & (x < 0.8)


_RISING = same_shape(drop(X), WORDS)
_DEEP_NOISE = np.where((X > 0.5) & (X < 1), 0.3, 0.005)

_OF_PI = same_shape(erf(X, INVERSE_ROOT_PI), WORDS)
_WIDER = Plan(same_shape(erf(X, 0.8), WORDS), noise=0.002)


def _first_of_pi(seed: int) -> Plan:
    """Copies of which the first agrees with 1/√π and the others do not."""
    return replace(_WIDER if seed else Plan(_OF_PI, noise=0.002), seed=1 + seed)


def _defiant(seed: int) -> Plan:
    """A copy whose f is negative but at the end: nothing is left of it when the last two points are dropped."""
    return Plan(same_shape(np.where(X < 1, -0.5 * X, 0.5), WORDS), noise=0.005, seed=seed)


_LINEAR = Plan(_RISING, noise=0.005)

WORLDS: dict[str, Plan] = {
    "linear, then a drop": _LINEAR,
    "the same, as are its copies": replace(_LINEAR, copies=relabelled(_LINEAR)),
    "looks ahead": replace(_LINEAR, causal=False),
    "random walks": Plan(random_walks(WORDS, LAYERS, 98), noise=0.005),
    "a layer of its own for each word": Plan(spikes(WORDS, LAYERS), noise=0.005),
    "interior peak": Plan(same_shape(bump(X), WORDS), noise=0.005),
    "a peak above nothing": Plan(same_shape(spike_above_nothing(X), WORDS), noise=0.005),
    "late jump": Plan(same_shape(step(X, 0.95), WORDS), noise=0.005),
    "middle jump": Plan(same_shape(step(X, 0.45), 4), noise=0.005, arrival=ALL_AT_ONCE),
    "exponent 0.5": Plan(same_shape(X**0.5, WORDS), noise=0.005),
    "exponent 0.5, zigzag": Plan(same_shape(X**0.5 * ZIGZAG, 4)),
    "exponents 0.1 to 2": Plan(np.array([0.6 * X**beta for beta in np.geomspace(0.1, 2, WORDS)]), noise=0.005),
    "noise when deep": Plan(_RISING, noise=_DEEP_NOISE),
    "h² everywhere": Plan(_RISING, bends=0.25 * (X > 0) * (X < 1), noise=0.005),
    "h² after the peak": Plan(_RISING, bends=0.2 * (X > 0.9), noise=0.005),
    "h² before the peak": Plan(_RISING, bends=0.2 * _early(X), noise=0.005),
    "attention writes": written_apart(0.9, attention_wobbles=False),
    "the MLP writes": written_apart(0.1, attention_wobbles=True),
    "erf of width 1/√π": Plan(_OF_PI, noise=0.002, copies=relabelled(_WIDER)),
    "erf of width 1/√π, as in its copies": Plan(_OF_PI, noise=0.002, copies=relabelled(Plan(_OF_PI, noise=0.002))),
    "erf of width 0.8": _WIDER,
    "erf of width 0.8, its first copy of 1/√π": replace(_WIDER, copies=_first_of_pi),
    "cosine": Plan(same_shape(cosine(X), WORDS), noise=0.002),
    "cosine, zigzag": Plan(same_shape(cosine(X) * ZIGZAG, WORDS)),
    "turns by π": Plan(_RISING, turning=np.pi * X),
    "turns by 1.3 π": Plan(_RISING, turning=1.3 * np.pi * X),
    "linear, with copies of no shape": replace(_LINEAR, copies=_defiant),
    "all angles in the last bits": Plan(_RISING, noise=0.005, hidden=4096.0, arrival=ALL_HIDDEN),
    "angles in the last bits": Plan(_RISING, noise=0.005, hidden=512.0, arrival=MOSTLY_HIDDEN),
}


def both_ways(decided: list[tuple[str, str, str]]) -> list[Any]:
    """Parameters of a test: each claim with the world where it is supported, the other's plan as its copies, and back."""
    return [
        pytest.param(claim, *pair, verdict, id=f"{claim}-{verdict}")
        for claim, *pair in decided
        for verdict, pair in (("supported", pair), ("refuted", pair[::-1]))
    ]


def require_apart(found: Verdict, verdict: str) -> None:
    """The verdict is this, that on the copies the opposite, and the model alone is specific."""
    assert found.verdict == verdict, found.detail["parts"]
    assert found.point is (verdict == "supported")
    assert found.control is not None
    assert found.control.call == {"supported": "refuted", "refuted": "supported"}[verdict], found.detail[
        "control_parts"
    ]
    assert found.control.relation == {"supported": "model only", "refuted": "control only"}[verdict]
    assert found.specific is (verdict == "supported")
