"""Changed heads in a universe: whose losses are read, and what is not measured again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
from random_models import random_model

from semphase.models import Model
from semphase.science.heads.effects import importances
from semphase.science.heads.facet import Heads
from semphase.study import Study
from semphase.verdict.universes import universe


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return random_model("llama", tmp_path_factory.mktemp("models"))


@pytest.fixture
def heads(study_of: Callable[..., Study], llama: Model) -> Heads:
    return study_of(llama).facet(Heads)


def varied(heads: Heads, name: str) -> Heads:
    return heads.study.in_universe(universe(name)).facet(Heads)


@contextmanager
def passes(heads: Heads) -> Iterator[list[int]]:
    """How often the model's first block is entered inside the block."""
    entered: list[int] = []
    block = heads.study.model.anatomy.blocks[0]
    handle = block.register_forward_pre_hook(lambda *_: entered.append(1))
    yield entered
    handle.remove()


def test_where_halves_are_exchanged_the_judging_one_chooses(heads: Heads) -> None:
    exchanged = varied(heads, "halves exchanged")
    np.testing.assert_array_equal(exchanged.single("zero", "choose").sums, heads.single("zero", "judge").sums)
    assert not np.array_equal(exchanged.means[0].outputs, heads.means[0].outputs)


def test_what_was_measured_before_the_exchange_is_not_measured_again(heads: Heads) -> None:
    every = heads.single("zero", "choose")
    with passes(heads) as entered:
        found = varied(heads, "halves exchanged").single_of("zero", "judge", [7, 2])
    assert entered == []
    np.testing.assert_array_equal(found.sums, every.sums[[2, 7]])


def test_other_units_are_those_of_the_same_losses(study_of: Callable[..., Study], tiny: Model) -> None:
    short = study_of(replace(tiny, context=256)).facet(Heads)
    every = short.single_of("zero", "choose", [0, 5])
    blocks = len(every.counts) // len(short.text.chunks("choose"))
    with passes(short) as entered:
        found = {
            name: varied(short, name).single_of("zero", "choose", [0, 5])
            for name in ("chunks as units", "first block left out")
        }
    assert entered == []
    each = every.sums.reshape(2, -1, blocks)
    np.testing.assert_allclose(found["chunks as units"].sums, each.sum(axis=-1))
    np.testing.assert_allclose(found["first block left out"].sums, each[..., 1:].reshape(2, -1))


def test_importance_is_told_in_nats_or_to_first_order(heads: Heads) -> None:
    baseline = heads.text.baseline("choose")
    nats = importances(varied(heads, "Δloss"), "zero")
    np.testing.assert_allclose(nats, heads.single("zero", "choose").mean - baseline.mean)
    np.testing.assert_allclose(importances(heads, "zero"), baseline.perplexity * np.expm1(nats), rtol=1e-6)
    first = importances(varied(heads, "gradient × activation"), "zero")
    np.testing.assert_allclose(np.log1p(first / baseline.perplexity), heads.gradient("zero"))
