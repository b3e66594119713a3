"""The heads and linear claims in their universes: planted losses, and forward passes of a small model."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
import xarray as xr
from planted_heads import HEADS, LAYERS, SLIGHT, Judged, World, each, planted
from random_models import random_model

from semphase.measure.timing import LENGTHS
from semphase.models import Model
from semphase.science.heads import forms, rankings
from semphase.study import Study
from semphase.verdict import Verdict
from semphase.verdict.universes import universe

__all__ = ["planted"]
MEASURED = [
    "heads.removable",
    "heads.removable-any-order",
    "heads.layer-pattern",
    "heads.super-additive",
    "linear.identity",
    "linear.relu",
    "linear.crossing",
    "linear.pruned-and-linear",
]
CHEAP = np.arange(HEADS) < 16
"""Two heads more than 30 %."""


@pytest.fixture
def small(study_of: Callable[..., Study], tmp_path_factory: pytest.TempPathFactory) -> Study:
    """A study of a random model of 12 heads, whose chunks are single blocks."""
    return study_of(random_model("llama", tmp_path_factory.mktemp("models")))


@contextmanager
def passes(model: Model) -> Iterator[list[int]]:
    """How often the model's first block is entered inside the block."""
    entered: list[int] = []
    handle = model.anatomy.blocks[0].register_forward_pre_hook(lambda *_: entered.append(1))
    yield entered
    handle.remove()


def verdict_in(verdict_on: Judged, claim: str, study: Study, name: str) -> Verdict:
    """The verdict in a named universe."""
    return verdict_on(claim, study.in_universe(universe(name)))


# What a universe does otherwise


def cheap_by(kind: str) -> World:
    """A third of the heads cost nothing under one kind of change; under others every head costs."""
    return World(lambda own, _half: SLIGHT + np.where(CHEAP & (own == kind), 0.0, 0.05))


@pytest.mark.parametrize(
    ("claim", "kind", "name"),
    [
        ("heads.removable", "zero", "mean ablation"),
        ("heads.removable-any-order", "zero", "mean ablation"),
        ("heads.removable-any-order", "mean", "zero ablation"),
        ("linear.identity", "identity", "other identity form"),
        ("linear.identity", "identity-l1", "other identity form"),
    ],
)
def test_another_change_of_heads_is_judged(planted: Any, verdict_on: Judged, claim: str, kind: str, name: str) -> None:
    study = planted(cheap_by(kind))
    assert verdict_on(claim, study).verdict == "supported"
    assert verdict_in(verdict_on, claim, study, name).verdict == "refuted"


def test_another_order_is_judged(planted: Any, verdict_on: Judged, monkeypatch: pytest.MonkeyPatch) -> None:
    study = planted(cheap_by("zero"))
    monkeypatch.setattr(rankings.Heads, "gradient", lambda *_: -cheap_by("zero").effect("zero", "choose"))
    assert verdict_on("heads.removable", study).verdict == "supported"
    assert verdict_in(verdict_on, "heads.removable", study, "gradient × activation").verdict == "refuted"


def test_heads_are_replaced_in_the_order_of_zero_ablation(planted: Any, verdict_on: Judged) -> None:
    costs = {"zero": np.where(CHEAP, 0.05, 0.0), "relu": np.where(CHEAP, 0.0, 0.05)}
    study = planted(World(lambda kind, _half: costs.get(kind, costs["zero"])))
    assert verdict_on("linear.relu", study).verdict == "supported"
    assert verdict_in(verdict_on, "linear.relu", study, "order of zero-ablation").verdict == "refuted"


def test_a_trend_is_no_pattern_that_rises_and_falls(planted: Any, verdict_on: Judged) -> None:
    tent = 0.01 * (1 + np.minimum(np.arange(LAYERS), np.arange(LAYERS)[::-1]))
    effects = np.repeat(tent, HEADS // LAYERS) * np.random.default_rng(0).uniform(0.95, 1.05, HEADS)
    study = planted(World(each(effects)))
    assert verdict_on("heads.layer-pattern", study).verdict == "supported"
    assert verdict_in(verdict_on, "heads.layer-pattern", study, "analysis of variance").verdict == "supported"
    assert not verdict_in(verdict_on, "heads.layer-pattern", study, "trend over layers").point


@pytest.mark.parametrize("name", ["shortest length left out", "first repeat left out", "Theil-Sen slope"])
def test_a_time_that_is_off_decides_no_cost(
    planted: Any, verdict_on: Judged, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    powers, n = np.array([1.0, 2.0]), np.array(LENGTHS, dtype=float)
    seconds = 1e-6 * n[None, :, None] ** powers[:, None, None]
    seconds = seconds * np.random.default_rng(0).lognormal(sigma=0.01, size=(2, len(n), 9))
    if name == "first repeat left out":
        seconds[0, -1, 0] *= 1e3
    else:
        seconds[0, 0] /= 5
    times = xr.Dataset(
        {"seconds": (("form", "length", "repeat"), seconds), "flops": (("form", "length"), seconds[..., 0])},
        coords={"form": ["kernelised", "softmax"], "length": list(LENGTHS)},
    )
    monkeypatch.setattr(forms, "attention_cost", lambda _: times)
    study = planted(World(each(0.0)))
    assert verdict_on("linear.cost", study).verdict != "supported"
    assert verdict_in(verdict_on, "linear.cost", study, name).verdict == "supported"


# Through forward passes


def test_the_universe_of_mean_ablation_is_what_the_best_order_reports(small: Study, verdict_on: Judged) -> None:
    reported = verdict_on("heads.removable-any-order", small).detail["ratios"]
    with passes(small.model) as entered:
        found = {
            name: verdict_in(verdict_on, "heads.removable", small, name).estimate
            for name in ("mean ablation", "gradient × activation", "greedy order")
        }
    assert entered == []
    assert found["mean ablation"].value == pytest.approx(reported["single, mean"]["value"])
    assert found["gradient × activation"].value == pytest.approx(reported["gradient, zero"]["value"])
    assert found["greedy order"].value == pytest.approx(reported["greedy, zero"]["value"])


@pytest.mark.parametrize("claim", MEASURED)
def test_no_control_and_no_curve_is_measured_in_a_universe(
    small: Study, verdict_on: Judged, monkeypatch: pytest.MonkeyPatch, claim: str
) -> None:
    def asked(*_: object, **__: object) -> None:
        raise AssertionError("a universe has no control and draws no curve")

    for name in ("random_order", "large_heads", "curve"):
        monkeypatch.setattr(rankings, name, asked)
    assert verdict_in(verdict_on, claim, small, "halves exchanged").control is None


def test_claims_share_what_a_universe_measures(small: Study, verdict_on: Judged) -> None:
    for name in ("halves exchanged", "chunks of half the length"):
        verdict_in(verdict_on, "heads.super-additive", small, name)
        with passes(small.model) as entered:
            verdict_in(verdict_on, "heads.removable", small, name)
        assert entered == []
