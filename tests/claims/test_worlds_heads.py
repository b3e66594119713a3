"""The heads and linear claims on planted losses, and on a model whose heads are dead by construction."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import xarray as xr
from planted_heads import (
    BUDGET,
    CHUNK,
    CHUNKS,
    HEADS,
    LAYERS,
    SLIGHT,
    Assignment,
    Judged,
    World,
    each,
    planted,
    worlds,
)

import semphase.measure.text as text
from semphase.data.corpus import load as load_corpus
from semphase.data.lexicon import load as load_lexicon
from semphase.measure.timing import LENGTHS
from semphase.models import Model, fixture, load
from semphase.models.anatomy import anatomy
from semphase.science.heads import forms
from semphase.science.heads.facet import Heads
from semphase.store import Store
from semphase.study import Study
from semphase.study.subject import Trained
from semphase.study.text import Reading

__all__ = ["planted"]
DEAD = range(0, HEADS, 3)
"""Sixteen of the tiny model's 48 heads, two more than the registered 30 %."""
SOME_DEAD = each(np.where(np.isin(range(HEADS), DEAD), 0.0, 0.05))


def deceiving(kind: str, half: str) -> np.ndarray:
    """What costs nothing on the text that chooses costs most on the one that judges."""
    return np.where(np.isin(range(HEADS), DEAD), 0.0 if half == "choose" else 0.05, 0.01 if half == "choose" else -0.06)


@pytest.mark.parametrize(
    ("claim", "world", "verdict", "relation"),
    worlds(
        ["heads.removable", "heads.removable-any-order", "linear.identity", "linear.relu"],
        (World(SOME_DEAD), "supported", "model only"),
        (World(each(SLIGHT)), "supported", "both"),
        (World(each(0.05 + SLIGHT)), "refuted", "neither"),
        (World(deceiving), "refuted", "control only"),
        (World(each(math.log(1.1) / 14 - SLIGHT.mean() + SLIGHT)), "inconclusive", "undecided"),
    )
    + worlds(
        ["linear.pruned-and-linear"],
        (World(each(np.where(np.arange(HEADS) < 20, 0.0, 0.05))), "supported", "model only"),
        (World(each(SLIGHT)), "supported", "both"),
        (World(each(0.05 + SLIGHT)), "refuted", "neither"),
        (World(each(np.where(np.arange(HEADS) < 14, 0.0, 0.05))), "refuted", "neither"),
    ),
)
def test_ratios(planted: Any, verdict_on: Judged, claim: str, world: World, verdict: str, relation: str) -> None:
    found = verdict_on(claim, planted(world))
    assert (found.verdict, found.control.relation) == (verdict, relation), found.detail["parts"]
    assert found.specific == (relation == "model only")


def test_the_best_order_is_not_chosen_on_the_text_that_judges(planted: Any, verdict_on: Judged) -> None:
    def effect(kind: str, half: str) -> np.ndarray:
        # Mean-ablation costs less where orders are chosen, and more where they are judged.
        return SLIGHT + (0.001 if (kind == "mean") == (half == "choose") else 0.05)

    found = verdict_on("heads.removable-any-order", planted(World(effect)))
    assert found.verdict == "refuted"
    assert found.detail["chosen"].endswith("mean")


SPREAD = np.where(np.arange(HEADS) < 14, 0.001, 0.1)


def small_ones(assignment: Assignment) -> float:
    return 0.3 if len(assignment) == 14 else 0.0


@pytest.mark.parametrize(
    ("claim", "world", "verdict", "relation"),
    worlds(
        ["heads.super-additive"],
        (World(each(SPREAD), small_ones), "supported", "model only"),
        (World(each(SPREAD), lambda own: 0.3), "supported", "both"),
        (World(each(SPREAD)), "refuted", "neither"),
        (World(each(SPREAD), lambda own: 0.0 if len(own) == 14 else 0.3), "refuted", "control only"),
        (World(each(SPREAD), lambda own: 0.05), "inconclusive", "undecided"),
    ),
)
def test_super_additivity(
    planted: Any, verdict_on: Judged, claim: str, world: World, verdict: str, relation: str
) -> None:
    found = verdict_on(claim, planted(world))
    assert (found.verdict, found.control.relation) == (verdict, relation), found.detail["parts"]


@pytest.mark.parametrize(
    ("claim", "world", "verdict", "relation"),
    worlds(
        ["linear.crossing"],
        (World(each(0.05, product=0.02, zero=0.08)), "supported", "model only"),
        (World(each(0.05, product=0.02, zero=0.02)), "supported", "both"),
        (World(each(0.05, product=0.08, threshold=0.08, zero=0.08)), "refuted", "neither"),
        (World(each(0.05, product=0.08, threshold=0.08, zero=0.02)), "refuted", "control only"),
        (World(each(0.05)), "inconclusive", "undecided"),
    ),
)
def test_crossing(planted: Any, verdict_on: Judged, claim: str, world: World, verdict: str, relation: str) -> None:
    found = verdict_on(claim, planted(world))
    assert (found.verdict, found.control.relation) == (verdict, relation), found.detail["parts"]
    assert found.estimate.units == (CHUNKS,)


def test_one_chunk_says_nothing_of_crossing(planted: Any, verdict_on: Judged, monkeypatch: pytest.MonkeyPatch) -> None:
    study = planted(World(each(0.05, product=0.02)))
    monkeypatch.setattr(Reading, "chunks", lambda _, half: np.zeros((1, 2), dtype=int))
    found = verdict_on("linear.crossing", study)
    assert (found.verdict, found.estimate.lacks) == ("inconclusive", "4 blocks of text at least")


def pareto(n: int) -> np.ndarray:
    """Quantiles of a power law with exponent 2.5."""
    return 1e-4 * (1 - (np.arange(n) + 0.5) / n) ** (-1 / 1.5)


def steps(n: int) -> np.ndarray:
    """Importances that come in few sizes, which no threshold makes a power law."""
    return np.repeat([1e-3, 2e-3, 4e-3], n // 3) * (1 + 1e-4 * np.arange(n // 3 * 3))


@pytest.mark.parametrize(
    ("claim", "effects", "verdict"),
    worlds(["heads.power-law"], (pareto(HEADS), "supported"), (steps(HEADS), "refuted")),
)
def test_power_law(planted: Any, verdict_on: Judged, claim: str, effects: np.ndarray, verdict: str) -> None:
    found = verdict_on(claim, planted(World(each(effects), noise=0.0)))
    assert found.verdict == verdict, found.detail["parts"]
    assert len(found.detail["control_copies"]) == 5


MANY = 720
LAYER = np.repeat(np.arange(LAYERS), MANY // LAYERS)


def of_layers(slope: float) -> Callable[[str, str], np.ndarray]:
    return lambda kind, half: 0.001 * (slope * LAYER + np.random.default_rng(2).normal(size=MANY))


@pytest.mark.parametrize(
    ("claim", "slope", "verdict", "relation"),
    worlds(["heads.layer-pattern"], (0.5, "supported", "model only"), (0.0, "refuted", "neither")),
)
def test_layer_pattern(planted: Any, verdict_on: Judged, claim: str, slope: float, verdict: str, relation: str) -> None:
    found = verdict_on(claim, planted(World(of_layers(slope), total=MANY, noise=0.0)))
    assert (found.verdict, found.control.relation) == (verdict, relation), found.detail["parts"]


@pytest.mark.parametrize(
    ("claim", "powers", "verdict"),
    worlds(
        ["linear.cost"],
        ((1.0, 2.0), "supported"),
        ((2.0, 2.0), "refuted"),
        ((1.0, 1.0), "refuted"),
        ((1.2, 1.6), "inconclusive"),
    ),
)
def test_cost(
    planted: Any,
    verdict_on: Judged,
    monkeypatch: pytest.MonkeyPatch,
    claim: str,
    powers: tuple[float, float],
    verdict: str,
) -> None:
    n, noise = np.array(LENGTHS, dtype=float), np.random.default_rng(0).lognormal(sigma=0.05, size=(2, len(LENGTHS), 9))
    seconds = 1e-6 * np.stack([n**power for power in powers])[..., None] * noise
    coordinates = {"form": ["kernelised", "softmax"], "length": list(LENGTHS)}
    times = xr.Dataset(
        {"seconds": (("form", "length", "repeat"), seconds), "flops": (("form", "length"), seconds[..., 0])},
        coords=coordinates,
    )
    monkeypatch.setattr(forms, "attention_cost", lambda _: times)
    found = verdict_on(claim, planted(World(each(0.0))))
    assert found.verdict == verdict, found.detail["parts"]
    assert found.estimate.population == ("repeats",)


# A model whose heads are dead, through forward passes


def with_dead_heads(model: Model, heads: Iterable[int]) -> Model:
    """A copy in which some heads write nothing, whatever they attend to."""
    module = copy.deepcopy(model.module)
    width = model.d_model // model.heads
    for number in heads:
        layer, head = divmod(number, model.heads)
        module.transformer.h[layer].attn.c_proj.weight.data[head * width : (head + 1) * width] = 0
    return replace(model, name="dead-heads", module=module, anatomy=anatomy(module), sha256=f"{model.sha256}:dead")


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Study]:
    lexicon = load_lexicon(fixture("lexicon/grammar.toml"))
    model = with_dead_heads(load("tiny", device="cpu"), DEAD)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(text, "CHUNK", CHUNK)
        store = Store(tmp_path_factory.mktemp("store"))
        yield Study(Trained(model), lexicon, load_corpus("grammar"), BUDGET, 0, store)


def test_dead_heads_have_no_importance_and_live_ones_have(study: Study) -> None:
    effects = study.facet(Heads).single("zero", "choose").mean - study.text.baseline("choose").mean
    assert abs(effects[list(DEAD)]).max() < 1e-6
    live = [head for head in range(HEADS) if head not in DEAD]
    assert abs(effects[live]).max() > 1e-3


@pytest.mark.slow
@pytest.mark.parametrize("claim", ["heads.removable", "heads.removable-any-order", "linear.identity", "linear.relu"])
def test_a_third_of_dead_heads_can_go(claim: str, study: Study, verdict_on: Judged) -> None:
    verdict = verdict_on(claim, study)
    assert verdict.estimate is not None
    assert verdict.estimate.value < 1.05
    # Dead heads change no loss at all, and a text without any spread says nothing of others.
    assert verdict.verdict == "supported" or verdict.estimate.lacks


@pytest.mark.slow
def test_chance_removes_live_heads_as_well(study: Study, verdict_on: Judged) -> None:
    verdict = verdict_on("heads.removable", study)
    assert verdict.control is not None
    assert verdict.estimate is not None
    assert verdict.control.estimate.value > verdict.estimate.value


def test_effects_of_dead_heads_add_up(study: Study) -> None:
    joint = study.facet(Heads).joint(dict.fromkeys(DEAD, "zero"), "judge")
    assert float(joint.mean) == pytest.approx(float(study.text.baseline("judge").mean), abs=1e-6)
