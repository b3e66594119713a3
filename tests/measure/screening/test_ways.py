"""Which way of screening is taken, and that all find the effects of a trained model's heads."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import get_args

import numpy as np
import pytest
import scipy
import torch

import semphase.measure.products.tf32 as tf32
import semphase.measure.screening.shortlist as shortlist
import semphase.measure.screening.ways as module
from semphase.data.corpus.grammar import sample_text
from semphase.measure.attention import softmax_outputs
from semphase.measure.replay import Replay
from semphase.measure.screening.ways import Product, Way, fastest, screening, speedups, worth_screening
from semphase.measure.sweeps import head_by_head, substitute
from semphase.models import load

ZERO = substitute("zero")
TOKENS = 512
WAYS = get_args(Way)
ERROR = {"tf32+float16": 0.01}
"""10 bits; all others keep 8: errors of a hundredth of the effects."""


@pytest.fixture(scope="module")
def tiny():
    return load("tiny", device="cpu")


def test_the_faster_way_is_taken(tiny):
    assert fastest(tiny, TOKENS, {"int8": 3.0, "bfloat16": 1.2}) == "int8"
    assert fastest(tiny, TOKENS, {"int8": 3.0, "bfloat16": 2.0}) == "int8+bfloat16"
    assert fastest(tiny, TOKENS, {"int8": 3.0, "bfloat16": 5.0}) == "bfloat16"
    assert fastest(tiny, TOKENS, {"bfloat16": 2.0}) == "bfloat16"


def test_tf32_is_taken_where_the_device_has_it(tiny):
    gains: dict[Product, float] = {"int8": 5.0, "bfloat16": 8.0, "tf32": 6.0}
    assert fastest(tiny, TOKENS, gains) == "tf32+float16"
    assert fastest(tiny, TOKENS, gains, memory=0) == "tf32+float16"
    assert fastest(tiny, TOKENS, gains | {"tf32": 1.1}) == "bfloat16"


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
    assert 0 < float(np.abs(rough - exact).max()) < ERROR.get(way, 0.1) * float(np.ptp(exact))


@pytest.mark.parametrize("way", WAYS)
def test_attention_is_rounded_where_the_way_says_so(tiny, monkeypatch, way):
    ids = torch.tensor(tiny.encode(sample_text(TOKENS, seed=5))[:TOKENS]).view(4, 128)
    seen = []
    for attend in ("half_outputs", "float16_outputs"):
        monkeypatch.setattr(module, attend, lambda own, attend=attend: seen.append(attend) or softmax_outputs(own))
    with screening(tiny, way)(ids, {}) as replay:
        before = list(seen)
        head_by_head(replay, tiny.layers - 2, ZERO, [0])
    # Under TF32 the baseline and what a changed head's neighbours give are rounded as well, so that errors cancel.
    assert before == (["float16_outputs"] * tiny.layers if way == "tf32+float16" else [])
    again = {"int8": [], "tf32+float16": ["float16_outputs"] * 2}
    assert seen[len(before) :] == again.get(way, ["half_outputs"])


def test_tf32_is_in_force_inside_blocks_and_readout_alone(tiny, monkeypatch):
    ids = torch.tensor(tiny.encode(sample_text(TOKENS, seed=5))[:TOKENS]).view(4, 128)
    entered = []

    @contextmanager
    def watched(device):
        entered.append(device)
        yield

    monkeypatch.setattr(tf32, "tf32_products", watched)
    monkeypatch.setattr(module, "tf32_products", watched)
    with screening(tiny, "tf32+float16")(ids, {}) as replay:
        assert entered == [tiny.device] * (tiny.layers + 2)  # the first block once more, to see what it returns
        with Replay(tiny, ids) as exact:
            assert len(entered) == tiny.layers + 2
            assert not torch.equal(exact.in_force, replay.in_force)


def test_only_cuda_devices_from_ampere_on_have_tf32(monkeypatch):
    assert not tf32.has_tf32(torch.device("cpu"))
    for capability, found in (((7, 5), False), ((8, 0), True), ((9, 0), True)):
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _device, own=capability: own)
        assert tf32.has_tf32(torch.device("cuda")) == found


def test_the_flag_of_cuda_comes_back():
    before = torch.backends.cuda.matmul.allow_tf32
    assert not before
    seen = []

    @tf32.tf32_products(torch.device("cuda"))
    def failing():
        seen.append(torch.backends.cuda.matmul.allow_tf32)
        raise ValueError("stop")

    with pytest.raises(ValueError, match="stop"):
        failing()
    assert seen == [True]
    assert not torch.backends.cuda.matmul.allow_tf32


@pytest.mark.parametrize("way", WAYS)
def test_ranks_of_a_trained_model_are_kept(tiny, way):
    """As asked of a sweep in TF32: a rank correlation of 0.995 at least, on 512 tokens; 8 bits keep 0.98 of it there."""
    ids = torch.tensor(tiny.encode(sample_text(TOKENS, seed=5))[:TOKENS]).view(4, 128)
    layers = range(tiny.layers)
    with Replay(tiny, ids) as replay:
        exact = [head_by_head(replay, layer, ZERO) - replay.in_force for layer in layers]
    with screening(tiny, way)(ids, {}) as replay:
        rough = [head_by_head(replay, layer, ZERO) - replay.in_force for layer in layers]
    found = scipy.stats.spearmanr(*(torch.cat(own).mean(dim=(1, 2)).numpy() for own in (exact, rough)))
    assert found.statistic > (0.995 if way in ("int8", "tf32+float16") else 0.98)


def test_only_a_short_list_is_read(tiny, monkeypatch):
    """A text that makes half of the vocabulary likely is read out whole."""
    ids = torch.tensor(tiny.encode(sample_text(TOKENS, seed=5))[:TOKENS]).view(4, 128)
    monkeypatch.setattr(shortlist, "SAMPLE", 10)
    for share, short in ((1.0, False), (0.3, True)):
        monkeypatch.setattr(shortlist, "SHARE", share)
        with screening(tiny, "int8")(ids, {}) as rough:
            assert isinstance(getattr(rough._read, "__self__", None), shortlist.Shortlist) == short
