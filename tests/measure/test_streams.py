"""Captured streams against TransformerLens, and against themselves in other company."""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from random_models import FAMILIES

from semphase.errors import SemphaseError
from semphase.measure.streams import batches, capture_streams, pad
from semphase.measure.targets import locate_all
from semphase.models import reference
from semphase.models.anatomy import anatomy

# Activations stay below 16. Another attention kernel or another shape of batch sums the same products in another
# order: three blocks of inner products of at most 48 terms round by less than 100 units in the last place (2⁻²⁰).
CLOSE = 1e-4


@pytest.mark.parametrize("family", FAMILIES)
def test_streams_and_attention_writes_are_those_of_transformer_lens(loaded, prompts, family):
    model = loaded(family)
    targets = locate_all(model, prompts[::4])
    measured = capture_streams(model, targets)
    bridge = reference.bridge(model)
    for row, target in enumerate(targets):
        _, cache = bridge.run_with_cache(torch.tensor([target.tokens]))
        at = (0, target.position)
        blocks = range(model.layers)
        expected = [cache["blocks.0.hook_resid_pre"][at], *(cache[f"blocks.{k}.hook_resid_post"][at] for k in blocks)]
        np.testing.assert_allclose(measured["stream"].values[row], torch.stack(expected), atol=CLOSE)
        # For gemma3 this hook stands behind the norm that follows attention, as our reading does.
        writes = torch.stack([cache[f"blocks.{k}.hook_attn_out"][at] for k in blocks])
        np.testing.assert_allclose(measured["attention"].values[row], writes, atol=CLOSE)


@pytest.mark.parametrize("family", ["gpt2", "gemma3_text"])
@given(data=st.data())
@settings(deadline=None, max_examples=15)
def test_no_number_depends_on_neighbours_order_or_padding(loaded, prompts, family, data):
    model = loaded(family)
    targets = locate_all(model, prompts)
    whole = capture_streams(model, targets)
    chosen = data.draw(st.lists(st.sampled_from(range(len(targets))), min_size=1, unique=True))
    tokens = data.draw(st.sampled_from([1, 60, 2048]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("semphase.measure.streams.TOKENS_PER_BATCH", tokens)
        part = capture_streams(model, [targets[i] for i in chosen])
    for variable in ("stream", "attention"):
        np.testing.assert_allclose(part[variable], whole[variable].values[chosen], atol=CLOSE)
    assert list(part["text"].values) == [targets[i].prompt.text for i in chosen]


@given(st.lists(st.integers(1, 40), max_size=30), st.integers(1, 100))
def test_batches_hold_every_prompt_once_and_no_more_tokens_than_allowed(lengths, limit):
    targets = [_Sized(range(length)) for length in lengths]
    found = list(batches(targets, limit))
    assert sorted(index for batch in found for index in batch) == list(range(len(lengths)))
    for batch in found:
        assert len(batch) == 1 or len(batch) * max(lengths[i] for i in batch) <= limit


def test_padding_is_on_the_right_and_masked(loaded):
    ids, mask = pad(loaded("gpt2"), [(5, 6, 7), (8,)])
    assert ids.tolist() == [[5, 6, 7], [8, 0, 0]]
    assert mask.tolist() == [[1, 1, 1], [1, 0, 0]]


def test_labels_name_every_prompt(loaded, prompts):
    targets = locate_all(loaded("llama"), prompts)
    told: list[int] = []
    measured = capture_streams(loaded("llama"), targets, told.append)
    assert measured["stream"].dims == ("prompt", "layer", "d")
    assert measured["stream"].shape == (len(targets), 4, 32)
    assert measured["attention"].shape == (len(targets), 3, 32)
    for name in ("word", "role", "index", "text"):
        assert list(measured[name].values) == [getattr(prompt, name) for prompt in prompts]
    assert list(measured["pieces"].values) == [1] * len(targets)
    assert sum(told) == len(targets)


def test_no_hook_stays_behind_even_after_a_failure(loaded, prompts):
    model = loaded("llama")
    targets = locate_all(model, prompts[:2])
    beyond = [replace(targets[0], position=1000)]
    capture_streams(model, targets)
    with pytest.raises(IndexError):
        capture_streams(model, beyond)
    parts = list(model.module.modules())
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in parts)


@pytest.mark.parametrize(("part", "layer"), [("embed", 0), ("mlp", 2)])
def test_a_number_that_is_not_finite_names_layer_and_prompt(loaded, prompts, part, layer):
    model = loaded("gpt2")
    broken = copy.deepcopy(model.module)
    parts = anatomy(broken)
    word = model.encode(prompts[0].text)[-1]
    if part == "embed":
        parts.embed.weight[word] = torch.inf
    else:
        parts.mlp[1].c_proj.bias[0] = torch.nan
    model = replace(model, module=broken, anatomy=parts)
    targets = locate_all(model, prompts[:1])
    sentence = f"not finite at layer {layer} of the prompt '{prompts[0].text}'"
    with pytest.raises(SemphaseError, match=sentence):
        capture_streams(model, targets)


class _Sized:
    """Stands in for a target of a given length."""

    def __init__(self, tokens: range) -> None:
        self.tokens = tokens
