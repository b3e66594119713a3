"""Heads' weights against TransformerLens, rebuilt and restored, and in other bases, in nine families."""

from __future__ import annotations

import copy
from dataclasses import replace
from importlib import import_module

import numpy as np
import pytest
import torch
from random_models import FAMILIES
from torch import nn
from transformers.pytorch_utils import Conv1D

from semphase.errors import SemphaseError
from semphase.measure.preflight import model_loss
from semphase.measure.weights import head_weights, weight, with_queries
from semphase.models import Model, reference
from semphase.models.anatomy import anatomy
from semphase.science.wqk import bases

module = import_module("semphase.measure.weights")  # itself, with its private names
CLOSE = 1e-5
"""Nats; weights are rebuilt in float64 and rounded once to float32, 6e-8 of each."""
FREE = ("gpt2", "opt")
TURNING = {"llama": 8, "qwen2": 8, "mistral": 8, "gpt_neox": 2, "phi": 4}
"""How many of the eight components of a head are turned by rotary positions."""


def ids_of(model: Model) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(3, model.module.config.vocab_size, (2, 40), generator=generator)


def flat(model: Model) -> tuple[np.ndarray, np.ndarray]:
    found = head_weights(model)
    return tuple(part.reshape(-1, *part.shape[2:]) for part in (found.queries, found.keys))


def spectra(model: Model) -> tuple[np.ndarray, np.ndarray]:
    """Cumulative variance as registered and in the basis-free form."""
    queries, keys = flat(model)
    grams = bases.inside_gram(bases.inside_products(queries, keys)), bases.outer_gram(queries, keys)
    layer = np.repeat(np.arange(model.layers), model.heads)
    return tuple(bases.principal(gram, layer).cumulative for gram in grams)


def parameters(model: Model) -> list[torch.Tensor]:
    return [parameter.detach().clone() for parameter in model.module.parameters()]


@pytest.mark.parametrize("family", FAMILIES)
def test_weights_are_those_of_transformer_lens(loaded, family):
    model = loaded(family)
    bridge, found = reference.bridge(model), head_weights(model)
    shared = model.heads // bridge.W_K.shape[1]
    assert found.queries.dtype == np.float64
    np.testing.assert_array_equal(found.queries, bridge.W_Q.numpy())
    np.testing.assert_array_equal(found.keys, bridge.W_K.numpy().repeat(shared, axis=1))
    # And they are what the queries are made with: q is linear in the attention's input but for a bias.
    _, cache = bridge.run_with_cache(ids_of(model)[:1])
    entering, queries = (cache[f"blocks.1.attn.q.{hook}"][0].double() for hook in ("hook_in", "hook_out"))
    made = torch.einsum("pd,hdk->phk", entering[1:] - entering[0], torch.from_numpy(found.queries[1]))
    torch.testing.assert_close(made, queries[1:] - queries[0], atol=1e-4, rtol=0)


@pytest.mark.parametrize("family", FAMILIES)
def test_all_components_give_the_model_back(loaded, family):
    model = loaded(family)
    ids, (queries, keys) = ids_of(model), flat(model)
    layer = np.repeat(np.arange(model.layers), model.heads)
    inner, outer = bases.inside_gram(bases.inside_products(queries, keys)), bases.outer_gram(queries, keys)
    for gram, rebuilt in ((inner, bases.rebuilt_inside), (outer, bases.rebuilt_outer)):
        basis = bases.principal(gram, layer)
        for count, same in ((basis.heads, True), (basis.heads - 1, True), (1, False)):
            made = rebuilt(queries, keys, basis.leading(count)).reshape(model.layers, model.heads, *queries.shape[1:])
            with with_queries(model, made):
                changed = model_loss(model, ids)
            assert (abs(changed - model_loss(model, ids)) < CLOSE) == same


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_the_models_own_weights_come_back_bit_for_bit(loaded, family, dtype):
    model = loaded(family, dtype=dtype)
    before, own = parameters(model), head_weights(model)
    with with_queries(model, 2 * own.queries):
        inside = head_weights(model)
        np.testing.assert_array_equal(inside.queries, 2 * own.queries)
        np.testing.assert_array_equal(inside.keys, own.keys)
        changed = sum(not torch.equal(a, b) for a, b in zip(before, model.module.parameters(), strict=True))
        assert changed == model.layers
    assert all(torch.equal(a, b) for a, b in zip(before, model.module.parameters(), strict=True))
    with pytest.raises(RuntimeError, match="broken"), with_queries(model, 0 * own.queries):
        raise RuntimeError("broken")
    assert all(torch.equal(a, b) for a, b in zip(before, model.module.parameters(), strict=True))


def test_only_the_queries_of_a_fused_projection_change(loaded):
    model = loaded("gpt2")
    own, fused = head_weights(model), model.module.transformer.h[1].attn.c_attn
    before = fused.weight.detach().clone()
    with with_queries(model, own.queries + 1):
        torch.testing.assert_close(fused.weight[:, :32], before[:, :32] + 1)
        assert torch.equal(fused.weight[:, 32:], before[:, 32:])


@pytest.mark.parametrize("family", [*FREE, *TURNING])
def test_a_change_of_basis_inside_heads_moves_only_the_registered_form(loaded, family):
    model = copied(loaded(family))
    ids = ids_of(model)
    loss, (registered, free) = model_loss(model, ids), spectra(model)
    rng = np.random.default_rng(0)
    for block in model.anatomy.blocks:
        change_basis(model, block, rng)
    assert model_loss(model, ids) == pytest.approx(loss, abs=CLOSE)
    moved, kept = spectra(model)
    assert abs(moved - registered).max() > 0.003
    np.testing.assert_allclose(kept, free, atol=1e-5)


def copied(model: Model) -> Model:
    own = copy.deepcopy(model.module)
    return replace(model, module=own, anatomy=anatomy(own))


def change_basis(model: Model, block: nn.Module, rng: np.random.Generator) -> None:
    """W_Q → W_Q R, W_K → W_K R⁻ᵀ with their biases, one R for the heads that share keys."""
    query, key, _ = module._parts(model, block)
    biases = bias_parts(model, block)
    frames = torch.from_numpy(np.stack([frame(model.family, query.shape[-1], rng) for _ in key])).float()
    opposite = torch.linalg.inv(frames).mT
    with torch.no_grad():
        for part in (query, *biases[:1]):
            part.copy_(part @ frames.repeat_interleave(len(query) // len(key), dim=0))
        for part in (key, *biases[1:]):
            part.copy_(part @ opposite)


def bias_parts(model: Model, block: nn.Module) -> tuple[torch.Tensor, ...]:
    """The biases by head, [head, 1, d_head]: read as the weights are, from a stand-in with the biases as weights."""
    named = {name.rpartition(".")[2]: part for name, part in block.named_modules()}
    name, layout = module.FUSED.get(model.family, ("", None))
    if layout is not None:
        return layout(named[name].bias[:, None], model.heads)[:2]
    if named["q_proj"].bias is None:
        return ()
    return tuple(module._by_head(named[part].bias[:, None], 8) for part in ("q_proj", "k_proj"))


def frame(family: str, d_head: int, rng: np.random.Generator) -> np.ndarray:
    """A matrix that commutes with the rotation by position: plane by plane, and free in what is not rotated."""
    turned = TURNING.get(family, 0)
    made = np.eye(d_head)
    rest = slice(turned, d_head)
    made[rest, rest] = np.linalg.qr(rng.standard_normal((d_head - turned, d_head - turned)))[0] @ np.diag(
        rng.uniform(0.5, 2.0, d_head - turned)
    )
    for first in range(turned // 2):
        plane, angle = [first, first + turned // 2], rng.uniform(0, 2 * np.pi)
        made[np.ix_(plane, plane)] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    return made


def test_bad_weights_and_unknown_families_are_refused_in_a_sentence(loaded):
    model = loaded("llama")
    queries = head_weights(model).queries
    with pytest.raises(SemphaseError, match=r"have the shape \(3, 4, 32, 8\), not \(2, 4, 32, 8\)\.$"):
        with_queries(model, queries[:2]).__enter__()
    with pytest.raises(SemphaseError, match=r"^the attention projections of .* \(nameless\) are not"):
        head_weights(replace(loaded("gpt2"), family="nameless"))
    tall = copied(model)
    tall.anatomy.blocks[0].self_attn.q_proj = nn.Linear(32, 64)
    with pytest.raises(SemphaseError, match="cannot be read"):
        head_weights(tall)


def test_a_convolution_keeps_its_weight_the_other_way_round(loaded):
    fused = loaded("gpt2").module.transformer.h[0].attn.c_attn
    assert isinstance(fused, Conv1D)
    assert module._rows(fused).shape == (96, 32)


@pytest.mark.parametrize("family", FAMILIES)
def test_any_matrix_is_that_of_transformer_lens(loaded, family):
    model = loaded(family)
    bridge = reference.bridge(model)
    for kind, own in (("query", bridge.W_Q), ("key", bridge.W_K), ("value", bridge.W_V), ("output", bridge.W_O)):
        for layer in range(model.layers):
            np.testing.assert_array_equal(weight(model, kind, layer), own[layer].numpy())
            np.testing.assert_array_equal(weight(model, kind, layer, 1), own[layer, 1].numpy())
    np.testing.assert_array_equal(weight(model, "embedding"), model.module.get_input_embeddings().weight.numpy())
    np.testing.assert_array_equal(weight(model, "unembedding"), model.module.get_output_embeddings().weight.numpy())


def test_a_matrix_is_a_copy(loaded):
    model = loaded("llama")
    before = weight(model, "value", 0, 0).copy()
    weight(model, "value", 0, 0)[:] = 0
    np.testing.assert_array_equal(weight(model, "value", 0, 0), before)


def test_matrices_that_there_are_not_are_one_sentence(loaded):
    model = loaded("llama")
    for asked, told in (
        (("gate",), "there is no weight 'gate'; choose query, key, value, output, embedding, unembedding"),
        (("query",), f"{model.name} has no layer None; choose from 0 to 2"),
        (("query", 3), f"{model.name} has no layer 3; choose from 0 to 2"),
        (("key", 0, 2), f"{model.name} has no head 2; choose from 0 to 1"),
    ):
        with pytest.raises(SemphaseError, match=rf"^{told}\.$"):
            weight(model, *asked)
