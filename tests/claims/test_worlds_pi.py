"""Traces of π and the emulated precision, on models where each claim is true by construction and where it is false."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from planted import relabelled
from planted_worlds import WORLDS, both_ways, require_apart

from semphase.science.lexical import derived

pytestmark = pytest.mark.usefixtures("planted_copies")
DECIDED = [
    # claim, the world where it is supported, the world where it is refuted
    ("pi.sigma-not-rejected", "erf of width 1/√π", "erf of width 0.8"),
    ("pi.family-bic-best", "cosine", "exponent 0.5"),
    ("pi.zero-parameter-bic-best", "cosine, zigzag", "exponent 0.5"),
]


@pytest.mark.parametrize(("claim", "world", "copies", "verdict"), both_ways(DECIDED))
def test_worlds(studies, verdict_on, claim, world, copies, verdict):
    require_apart(verdict_on(claim, studies(replace(WORLDS[world], copies=relabelled(WORLDS[copies])))), verdict)


LEARNED, TF32 = "pi.learned", "precision.tf32-collapse"


@pytest.mark.parametrize(
    ("world", "verdict", "control"),
    [
        pytest.param("erf of width 1/√π", "supported", "refuted", id=f"{LEARNED}-supported"),
        pytest.param("erf of width 1/√π, as in its copies", "refuted", "refuted", id=f"{LEARNED}-refuted"),
        pytest.param("erf of width 0.8, its first copy of 1/√π", "refuted", "supported", id=f"{LEARNED}-control"),
    ],
)
def test_widths_of_the_model_and_of_its_copies(studies, verdict_on, world, verdict, control):
    found = verdict_on(LEARNED, studies(WORLDS[world]))
    assert (found.verdict, found.control.call) == (verdict, control), found.detail
    assert found.estimate.low < found.estimate.high


@pytest.mark.parametrize(
    ("world", "verdict"),
    [
        pytest.param("angles in the last bits", "supported", id=f"{TF32}-supported"),
        pytest.param("linear, then a drop", "refuted", id=f"{TF32}-refuted"),
        pytest.param("cosine", "refuted", id=f"{TF32}-refuted-of-a-cosine"),
    ],
)
def test_rounded_products(studies, verdict_on, world, verdict):
    found = verdict_on(TF32, studies(WORLDS[world]))
    assert found.verdict == verdict, found.detail["parts"]


@pytest.mark.parametrize(("collapsed", "control"), [((10, 23), "supported"), ((10,), "refuted"), ((), "refuted")])
def test_streams_that_collapse_whatever_is_kept_meet_the_control_too(
    studies, verdict_on, monkeypatch, collapsed, control
):
    def captured(words, mantissa_bits):
        exact = derived.exact_streams(words)
        stream, rounding = exact["stream"], np.random.default_rng(mantissa_bits)
        kept = 0.001 if mantissa_bits in collapsed else 1.0
        left = kept + 0.01 * kept * rounding.normal(size=(stream.sizes["prompt"], 1, 1))  # by prompt
        return exact.assign(
            stream=(stream.mean("prompt") + left * (stream - stream.mean("prompt"))).transpose(*stream.dims)
        )

    monkeypatch.setattr(derived, "rounded_streams", captured)
    found = verdict_on(TF32, studies(WORLDS["linear, then a drop"]))
    assert (found.verdict, found.control.call) == ("supported" if 10 in collapsed else "refuted", control)


ROTATION = "pi.rotation"


@pytest.mark.parametrize(
    ("world", "verdict"),
    [
        pytest.param("turns by π", "supported", id=f"{ROTATION}-supported"),
        pytest.param("turns by 1.3 π", "refuted", id=f"{ROTATION}-refuted"),
    ],
)
def test_total_angles(studies, verdict_on, world, verdict):
    found = verdict_on(ROTATION, studies(WORLDS[world]))
    assert found.verdict == verdict, found.detail["parts"]
    assert found.estimate.low < found.estimate.high
