"""Every family: the parts are found, what they write adds up to the stream, and TransformerLens agrees."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from random_models import CONFIGS, FAMILIES
from torch import Tensor, nn
from transformer_lens.factories.architecture_adapter_factory import SUPPORTED_ARCHITECTURES
from transformers import AutoConfig, AutoModelForCausalLM

from semphase.errors import SemphaseError
from semphase.models import Model, check_anatomy, reference, write_of
from semphase.models.anatomy import FAMILIES as FAMILIES_BY_HAND
from semphase.models.anatomy import anatomy, dimensions, parts_of
from semphase.models.finding import found

TEXT = "anna saw the boat and the bank near the bridge ,"
# Eager and fused attention round differently; activations here are below 10, so this is a hundred roundings.
CLOSE = 1e-4


def outputs(model: Model, parts: tuple[nn.Module, ...], tokens: Tensor) -> list[Any]:
    seen: dict[nn.Module, Any] = {}
    handles = [part.register_forward_hook(lambda part, _, out: seen.update({part: out})) for part in parts]
    with torch.no_grad():
        model.module(tokens)
    for handle in handles:
        handle.remove()
    return [seen[part] for part in parts]


def inputs(model: Model, parts: tuple[nn.Module, ...], tokens: Tensor) -> list[Tensor]:
    seen: dict[nn.Module, Tensor] = {}
    handles = [part.register_forward_pre_hook(lambda part, args: seen.update({part: args[0]})) for part in parts]
    with torch.no_grad():
        model.module(tokens)
    for handle in handles:
        handle.remove()
    return [seen[part] for part in parts]


@pytest.mark.parametrize("family", FAMILIES)
def test_writes_carry_the_stream_from_the_first_block_to_the_final_norm(loaded, family):
    model = loaded(family)
    tokens = torch.tensor([model.encode(TEXT), model.encode(TEXT)[::-1]])
    (total,) = inputs(model, model.anatomy.blocks[:1], tokens)
    for part in (*model.anatomy.attention, *model.anatomy.mlp):
        total = total + write_of(outputs(model, (part,), tokens)[0], total)
    (last,) = inputs(model, (model.anatomy.final_norm,), tokens)
    torch.testing.assert_close(total, last, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_stream_and_the_writes_are_those_of_transformer_lens(loaded, family):
    model = loaded(family)
    tokens = torch.tensor([model.encode(TEXT)])
    with torch.no_grad():
        logits, cache = reference.bridge(model).run_with_cache(tokens)
    before = inputs(model, model.anatomy.blocks, tokens)
    after = [write_of(out, before[0]) for out in outputs(model, model.anatomy.blocks, tokens)]
    attention = [write_of(out, before[0]) for out in outputs(model, model.anatomy.attention, tokens)]
    mlp = [write_of(out, before[0]) for out in outputs(model, model.anatomy.mlp, tokens)]
    for k in range(model.layers):
        ours = {"resid_pre": before[k], "resid_post": after[k], "attn_out": attention[k], "mlp_out": mlp[k]}
        for hook, value in ours.items():
            theirs = cache[f"blocks.{k}.hook_{hook}"].reshape(value.shape)
            torch.testing.assert_close(
                value, theirs, atol=CLOSE, rtol=CLOSE, msg=lambda text, hook=hook: f"{hook} {text}"
            )
    torch.testing.assert_close(model.module(tokens).logits, logits, atol=CLOSE, rtol=CLOSE)


@pytest.mark.parametrize("family", ["gpt2", "gemma3_text", "phi"])
def test_a_wrong_part_is_noticed(loaded, family):
    model = loaded(family)
    wrong = [replace(model.anatomy, mlp=model.anatomy.attention)]
    if family == "gemma3_text":  # the attention itself, without the norm behind it
        wrong.append(replace(model.anatomy, attention=tuple(block.self_attn for block in model.anatomy.blocks)))
    for parts in wrong:
        with pytest.raises(SemphaseError, match=f"the family '{family}' cannot be measured"):
            check_anatomy(model.module, parts)


def small(family: str, **changes: Any) -> Any:
    return AutoModelForCausalLM.from_config(AutoConfig.for_model(family, **changes)).eval()


def test_a_family_unknown_to_transformer_lens_needs_nothing_where_it_is_named_like_llama():
    module = small("ministral", **CONFIGS["llama"], vocab_size=50)
    assert type(module).__name__ not in {*SUPPORTED_ARCHITECTURES, *FAMILIES_BY_HAND}
    parts = anatomy(module)
    check_anatomy(module, parts)
    assert parts.attention == tuple(block.self_attn for block in module.model.layers)
    assert parts.neurons == tuple(block.mlp.down_proj for block in module.model.layers)
    sizes = dimensions(module, 3)
    assert (sizes.layers, sizes.heads, sizes.key_heads, sizes.d_model, sizes.d_head) == (3, 4, 2, 32, 8)
    with pytest.raises(SemphaseError, match="the family 'ministral' cannot be measured"):
        check_anatomy(module, replace(parts, mlp=parts.attention))


def test_a_family_that_multiplies_what_it_adds_does_so_in_its_parts():
    module = small("granite", **CONFIGS["llama"], vocab_size=50, residual_multiplier=0.22)
    tokens = torch.arange(12)[None]
    before = module(tokens).logits
    with pytest.raises(SemphaseError, match=r"granite.*does not add exactly"):
        check_anatomy(module, anatomy(module))
    parts = parts_of(module)
    assert parts.attention == tuple(block.self_attn for block in module.model.layers)
    check_anatomy(module, parts)
    assert torch.equal(module(tokens).logits, before)


def test_a_family_without_attention_is_refused():
    module = small("mamba", vocab_size=50, hidden_size=16, num_hidden_layers=1)
    with pytest.raises(SemphaseError, match="block 0 has no attention"):
        parts_of(module)


def test_a_family_without_a_final_norm_is_refused():
    module = small("xlm", vocab_size=50, emb_dim=16, n_layers=1, n_heads=2)
    with pytest.raises(SemphaseError, match=r"the family 'xlm' cannot be measured \(no final norm stands"):
        parts_of(module)


@pytest.mark.parametrize("seed", range(5))
def test_positions_that_see_later_ones_are_refused(seed):
    torch.manual_seed(seed)
    module = small(
        "roformer", vocab_size=50, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8
    )
    with pytest.raises(SemphaseError, match=r"its positions see later ones|no final norm"):
        parts_of(module)


def test_blocks_that_do_more_than_add_have_no_writes():
    module = small("minimax", **CONFIGS["llama"], vocab_size=50, num_local_experts=2, num_experts_per_tok=1)
    parts = parts_of(module)
    assert parts.blocks == tuple(module.model.layers)
    assert parts.final_norm is module.model.norm
    with pytest.raises(SemphaseError, match=r"the blocks of the family 'minimax' do not add exactly one output"):
        parts.attention[0]
    with pytest.raises(SemphaseError, match="what either writes is not defined"):
        list(parts.mlp)


@pytest.mark.parametrize("family", FAMILIES)
def test_what_is_found_by_what_it_does_is_what_the_names_say(loaded, family):
    model = loaded(family)
    parts, named = found(model.module), model.anatomy
    assert (parts.embed, parts.blocks, parts.final_norm, parts.unembed) == (
        named.embed,
        named.blocks,
        named.final_norm,
        named.unembed,
    )
    assert (parts.attention, parts.mlp) == (named.attention, named.mlp)


def test_an_overflow_is_named(loaded):
    model = loaded("llama", dtype="float16")
    model.anatomy.embed.weight.fill_(6e4)
    model.module.model.layers[1].mlp.down_proj.weight.fill_(6e4)
    with pytest.raises(SemphaseError, match=r"block 1 overflows in torch.float16; use --dtype float32 or bfloat16"):
        check_anatomy(model.module, model.anatomy)


def test_the_check_leaves_no_hooks_behind(loaded):
    model = loaded("llama")
    check_anatomy(model.module, model.anatomy)
    assert not any(part._forward_hooks for part in model.module.modules())
