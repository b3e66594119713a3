"""The heads and linear claims on models whose heads are dead by construction, the whole way to the verdict."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any

import pytest

import semphase.measure.text as text
from semphase.data.corpus import Corpus
from semphase.data.corpus import load as load_corpus
from semphase.data.lexicon import load as load_lexicon
from semphase.models import Model, fixture, load
from semphase.models.anatomy import anatomy
from semphase.science.heads.facet import Heads
from semphase.store import Store
from semphase.study import Study
from semphase.study.budget import Budget
from semphase.study.subject import Trained
from semphase.verdict import Verdict

BUDGET = Budget("planted", draws=200, control_draws=20, simulations=100)
CHUNK = 256
DEAD = range(0, 48, 3)
"""Sixteen of the tiny model's 48 heads, two more than the registered 30 %."""


def with_dead_heads(model: Model, heads: Iterable[int]) -> Model:
    """A copy in which some heads write nothing, whatever they attend to."""
    module = copy.deepcopy(model.module)
    width = model.d_model // model.heads
    for number in heads:
        layer, head = divmod(number, model.heads)
        module.transformer.h[layer].attn.c_proj.weight.data[head * width : (head + 1) * width] = 0
    return replace(model, name="dead-heads", module=module, anatomy=anatomy(module), sha256=f"{model.sha256}:dead")


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    return load_corpus("grammar")


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory, corpus: Corpus) -> Iterator[Study]:
    lexicon = load_lexicon(fixture("lexicon/grammar.toml"))
    model = with_dead_heads(load("tiny", device="cpu"), DEAD)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(text, "CHUNK", CHUNK)
        yield Study(Trained(model), lexicon, corpus, BUDGET, 0, Store(tmp_path_factory.mktemp("store")))


def test_dead_heads_have_no_importance_and_live_ones_have(study: Study) -> None:
    effects = study.facet(Heads).single("zero", "choose").mean - study.text.baseline("choose").mean
    assert abs(effects[list(DEAD)]).max() < 1e-6
    live = [head for head in range(48) if head not in DEAD]
    assert abs(effects[live]).max() > 1e-3


@pytest.mark.slow
@pytest.mark.parametrize("claim", ["heads.removable", "heads.removable-any-order", "linear.identity", "linear.relu"])
def test_a_third_of_dead_heads_can_go(claim: str, study: Study, verdict_on: Callable[[str, Any], Verdict]) -> None:
    verdict = verdict_on(claim, study)
    assert verdict.verdict == "supported"
    assert verdict.estimate is not None
    assert verdict.estimate.value < 1.05


@pytest.mark.slow
def test_chance_removes_live_heads_as_well(study: Study, verdict_on: Callable[[str, Any], Verdict]) -> None:
    verdict = verdict_on("heads.removable", study)
    assert verdict.control is not None
    assert verdict.estimate is not None
    assert verdict.control.estimate.value > verdict.estimate.value


def test_effects_of_dead_heads_add_up(study: Study) -> None:
    joint = study.facet(Heads).joint(dict.fromkeys(DEAD, "zero"), "judge")
    assert float(joint.mean) == pytest.approx(float(study.text.baseline("judge").mean), abs=1e-6)
