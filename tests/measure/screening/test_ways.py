"""Which way of screening is taken, and that all find the effects of a trained model's heads."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

import semphase.measure.screening.shortlist as shortlist
import semphase.measure.screening.ways as module
from semphase.data.corpus.grammar import sample_text
from semphase.measure.attention import softmax_outputs
from semphase.measure.replay import Replay
from semphase.measure.screening.ways import Product, fastest, screening, speedups, worth_screening
from semphase.measure.sweeps import head_by_head, substitute
from semphase.models import load

ZERO = substitute("zero")
TOKENS = 512
WAYS = ("int8", "int8+bfloat16", "bfloat16")


@pytest.fixture(scope="module")
def tiny():
    return load("tiny", device="cpu")


def test_the_faster_way_is_taken(tiny):
    assert fastest(tiny, TOKENS, {"int8": 3.0, "bfloat16": 1.2}) == "int8"
    assert fastest(tiny, TOKENS, {"int8": 3.0, "bfloat16": 2.0}) == "int8+bfloat16"
    assert fastest(tiny, TOKENS, {"int8": 3.0, "bfloat16": 5.0}) == "bfloat16"
    assert fastest(tiny, TOKENS, {"bfloat16": 2.0}) == "bfloat16"


def test_a_way_that_saves_nothing_is_not_taken(tiny):
    assert fastest(tiny, TOKENS, {"int8": 1.2, "bfloat16": 0.7}) is None


def test_int8_needs_room_for_what_it_keeps(tiny):
    gains: dict[Product, float] = {"int8": 3.0, "bfloat16": 2.0}
    assert fastest(tiny, TOKENS, gains, memory=2**16) == "bfloat16"
    assert fastest(tiny, TOKENS, gains | {"bfloat16": 1.0}, memory=2**16) is None
    assert set(gains) == {"int8", "bfloat16"}


def test_small_models_and_half_precision_are_not_screened(tiny):
    large = replace(tiny, parameters=10**9)
    assert worth_screening(large)
    assert not worth_screening(tiny)
    assert not worth_screening(replace(large, dtype=torch.bfloat16))


def refused(*_: torch.Tensor) -> torch.Tensor:
    raise NotImplementedError


def saturated(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    return (a.int() @ b.int()).clamp(max=2**15 - 1)


@pytest.mark.parametrize("product", [refused, saturated])
def test_a_device_without_exact_integer_products_screens_in_bfloat16_only(tiny, monkeypatch, product):
    assert set(speedups(tiny)) == {"int8", "bfloat16"}
    monkeypatch.setattr(torch, "_int_mm", product)
    assert set(speedups(tiny)) == {"bfloat16"}


@pytest.mark.parametrize("way", WAYS)
def test_a_trained_model_has_the_effects_of_full_precision(tiny, way):
    ids = torch.tensor(tiny.encode(sample_text(TOKENS, seed=5))[:TOKENS]).view(4, 128)
    layers = range(0, tiny.layers, 3)
    with Replay(tiny, ids) as replay:
        wanted = [head_by_head(replay, layer, ZERO) - replay.in_force for layer in layers]
    with screening(tiny, way)(ids, {}) as replay:
        found = [head_by_head(replay, layer, ZERO) - replay.in_force for layer in layers]
    exact, rough = (torch.cat(own).mean(dim=(1, 2)).numpy() for own in (wanted, found))
    # All ways keep 8 bits: errors of a hundredth of the effects.
    assert 0 < float(np.abs(rough - exact).max()) < 0.1 * float(np.ptp(exact))


@pytest.mark.parametrize("way", WAYS)
def test_attention_is_rounded_where_the_way_says_so(tiny, monkeypatch, way):
    ids = torch.tensor(tiny.encode(sample_text(TOKENS, seed=5))[:TOKENS]).view(4, 128)
    seen = []
    monkeypatch.setattr(module, "half_outputs", lambda own: seen.append(own) or softmax_outputs(own))
    with screening(tiny, way)(ids, {}) as replay:
        head_by_head(replay, tiny.layers - 2, ZERO, [0])
    assert len(seen) == (0 if way == "int8" else 1)


def test_only_a_short_list_is_read(tiny, monkeypatch):
    """A text that makes half of the vocabulary likely is read out whole."""
    ids = torch.tensor(tiny.encode(sample_text(TOKENS, seed=5))[:TOKENS]).view(4, 128)
    monkeypatch.setattr(shortlist, "SAMPLE", 10)
    for share, short in ((1.0, False), (0.3, True)):
        monkeypatch.setattr(shortlist, "SHARE", share)
        with screening(tiny, "int8")(ids, {}) as rough:
            assert isinstance(getattr(rough._read, "__self__", None), shortlist.Shortlist) == short
