"""Token losses are those of the whole logits, which are never held."""

from __future__ import annotations

import weakref
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch
from random_models import CONFIGS, FAMILIES, random_model
from torch import nn
from torch.nn import functional
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from waits import Waits

import semphase.measure.losses as measured
from semphase.measure.losses import token_losses, unembedding

# Logits are sums of 32 products below 16: some hundred units in the last place of a number near 10 (1e-6).
CLOSE = 1e-4
FAMILIES_WITH_FINISH = {
    "gemma2": {"sliding_window": 4, "query_pre_attn_scalar": 8, "final_logit_softcapping": 3.0},
    "cohere": {"logit_scale": 0.3},
}


@pytest.fixture(scope="module")
def ids():
    return torch.randint(3, 90, (3, 20), generator=torch.Generator().manual_seed(0))


def final_stream(model, ids):
    """What leaves the last block."""
    found = []
    handle = model.anatomy.final_norm.register_forward_pre_hook(lambda _norm, args: found.append(args[0]))
    with torch.no_grad():
        model.module.base_model(input_ids=ids, use_cache=False)
    handle.remove()
    return found[0]


def whole(logits, ids):
    """Cross entropy on whole logits in float64."""
    flat = functional.cross_entropy(logits[:, :-1].flatten(0, 1).double(), ids[:, 1:].flatten(), reduction="none")
    return flat.view(len(ids), -1)


def readout(model, **parts):
    """The model with another unembedding."""
    head = nn.Linear(model.d_model, len(parts["weight"]), bias="bias" in parts)
    head.requires_grad_(False)
    head.weight.copy_(parts["weight"])
    if "bias" in parts:
        head.bias.copy_(parts["bias"])
    return replace(model, anatomy=replace(model.anatomy, unembed=head))


def check(model, ids):
    found = token_losses(model, final_stream(model, ids), ids)
    assert found.shape == (3, 19)
    with torch.no_grad():
        np.testing.assert_allclose(found, whole(model.module(ids).logits, ids), atol=CLOSE)


@pytest.mark.parametrize("family", FAMILIES)
def test_losses_are_the_cross_entropy_of_whole_logits(loaded, ids, family):
    check(loaded(family), ids)


@pytest.mark.parametrize("family", FAMILIES_WITH_FINISH)
def test_scaled_and_capped_logits_are_those_of_the_family(tmp_path, monkeypatch, ids, family):
    monkeypatch.setitem(CONFIGS, family, {**CONFIGS["qwen2"], "head_dim": 8, **FAMILIES_WITH_FINISH[family]})
    model = random_model(family, tmp_path)
    used = unembedding(model)
    assert (used.scale, used.cap) == ((0.3, None) if family == "cohere" else (1.0, 3.0))
    check(model, ids)


def test_divided_logits_follow_the_formula(loaded, ids, monkeypatch):
    model = loaded("llama")
    monkeypatch.setattr(model.module.config, "logits_scaling", 4.0, raising=False)
    with torch.no_grad():
        logits = model.module(ids).logits / 4
    np.testing.assert_allclose(token_losses(model, final_stream(model, ids), ids), whole(logits, ids), atol=CLOSE)


@pytest.mark.parametrize("positions", [1, 7, 57, 2048])
@pytest.mark.parametrize("rows", [1, 33, 4096])
def test_losses_do_not_depend_on_the_tiles(loaded, ids, monkeypatch, positions, rows):
    model = loaded("phi")
    stream = final_stream(model, ids)
    before = token_losses(model, stream, ids)
    monkeypatch.setattr(measured, "POSITIONS", positions)
    monkeypatch.setattr(measured, "ROWS", rows)
    np.testing.assert_allclose(token_losses(model, stream, ids), before, atol=CLOSE)


def test_tiles_are_those_of_the_device(loaded, ids, monkeypatch):
    assert measured.tile_sizes(torch.device("cpu")) == (measured.POSITIONS, measured.ROWS)
    monkeypatch.setattr(measured, "free_memory", lambda _device: 80 * 2**30)
    wide = measured.tile_sizes(torch.device("cuda"))
    assert wide == (measured.WIDE_POSITIONS, measured.WIDE_ROWS)
    assert measured.POSITIONS * measured.ROWS < wide[0] * wide[1] <= 2**27
    model = loaded("phi")
    stream = final_stream(model, ids)
    before = token_losses(model, stream, ids)
    monkeypatch.setattr(measured, "tile_sizes", lambda _: wide)
    np.testing.assert_allclose(token_losses(model, stream, ids), before, atol=CLOSE)


@pytest.mark.parametrize(
    ("free", "positions"),
    [(None, 8192), (80 * 2**30, 8192), (2**33, 8192), (2**33 - 1, 4096), (2**31, 2048), (0, 256)],
)
def test_tiles_leave_room_on_a_device_that_is_nearly_full(monkeypatch, free, positions):
    monkeypatch.setattr(measured, "free_memory", lambda _device: free)
    assert measured.tile_sizes(torch.device("cuda")) == (positions, measured.WIDE_ROWS)


@pytest.mark.parametrize("positions", [7, 2048])
def test_one_answer_is_waited_for_however_many_tiles(loaded, ids, monkeypatch, positions):
    model = loaded("phi")
    stream = final_stream(model, ids)
    monkeypatch.setattr(measured, "POSITIONS", positions)
    with Waits() as waits:
        token_losses(model, stream, ids)
    assert waits.count == 1


@pytest.mark.parametrize("shift", [-1e4, -700.0, -103.0, -95.0, -88.0, -60.0, 60.0, 88.0, 1e4])
def test_a_shift_of_all_logits_changes_no_loss(loaded, ids, shift):
    model = loaded("phi")
    head, stream = model.anatomy.unembed, final_stream(model, ids)
    before = token_losses(model, stream, ids)
    after = token_losses(readout(model, weight=head.weight, bias=head.bias + shift), stream, ids)
    # A logit of size `shift` is rounded to its own last place.
    np.testing.assert_allclose(after, before, atol=CLOSE + 2 * 2**-23 * abs(shift))


@pytest.mark.parametrize("factor", [30.0, 1e3])
def test_very_large_logits_lose_nothing(loaded, ids, factor):
    model = loaded("gpt2")
    weight, stream = factor * model.anatomy.unembed.weight, final_stream(model, ids)
    with torch.no_grad():
        logits = model.anatomy.final_norm(stream).double() @ weight.double().T
    expected = whole(logits, ids)
    assert logits.max() > 90
    found = token_losses(readout(model, weight=weight), stream, ids)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=CLOSE * factor / 10)


def test_half_precision_streams_are_summed_in_float32(loaded, ids):
    model = loaded("llama", dtype="bfloat16")
    found = token_losses(model, final_stream(model, ids), ids)
    assert found.dtype == torch.float32
    with torch.no_grad():
        expected = whole(model.module(ids).logits, ids)
    # bfloat16 rounds a logit below 16 by at most 2⁻⁵, here and there.
    np.testing.assert_allclose(found, expected, atol=2 * 2**-5)


@pytest.mark.parametrize("family", ["gpt2", "phi", "gemma3_text"])
@pytest.mark.parametrize("rows", [50, 4096])
def test_the_gradient_is_that_of_cross_entropy(loaded, ids, monkeypatch, family, rows):
    monkeypatch.setattr(measured, "ROWS", rows)
    monkeypatch.setattr(measured, "POSITIONS", 10)
    model = loaded(family, dtype="float64")
    stream = final_stream(model, ids).requires_grad_(True)
    weights = torch.rand(3, 19, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    (found,) = torch.autograd.grad((token_losses(model, stream, ids) * weights).sum(), stream)
    logits = model.anatomy.unembed(model.anatomy.final_norm(stream))
    (expected,) = torch.autograd.grad((whole(logits, ids) * weights).sum(), stream)
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-12)


class Watched(TorchDispatchMode):
    """Follows the largest tensor and how much memory all tensors made inside take at once."""

    def __init__(self):
        super().__init__()
        self.largest = self.peak = self.live = 0
        self.holders = Counter()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        made = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(made):
            if isinstance(tensor, torch.Tensor):
                self.largest = max(self.largest, tensor.numel())
                self._hold(tensor)
        return made

    def _hold(self, tensor):
        storage = tensor.untyped_storage()
        key = (storage.data_ptr(), storage.nbytes())
        self.live += key[1] * (self.holders[key] == 0)
        self.holders[key] += 1
        self.peak = max(self.peak, self.live)
        weakref.finalize(tensor, self._drop, key)

    def _drop(self, key):
        self.holders[key] -= 1
        self.live -= key[1] * (self.holders[key] == 0)


def memory(model, vocabulary, positions, gradient):
    rng = torch.Generator().manual_seed(0)
    model = readout(model, weight=torch.randn(vocabulary, model.d_model, generator=rng))
    stream = torch.randn(1, positions + 1, model.d_model, generator=rng).requires_grad_(gradient)
    ids = torch.randint(vocabulary, (1, positions + 1), generator=rng)
    with Watched() as watched:
        losses = token_losses(model, stream, ids)
        if gradient:
            losses.sum().backward()
    return watched


@pytest.mark.parametrize("gradient", [False, True], ids=["forward", "backward"])
def test_memory_grows_with_neither_vocabulary_nor_tokens(loaded, gradient):
    model = loaded("llama")
    small, large = memory(model, 8_192, 2_048, gradient), memory(model, 50_000, 4_000, gradient)
    assert large.largest == small.largest == measured.POSITIONS * measured.ROWS
    # Streams and losses of the tokens themselves: a few floats of each position's 32.
    own = 16 * 4_000 * model.d_model * 4
    assert large.peak <= small.peak + own
    assert large.peak < 4_000 * 50_000 * 4 / 4
