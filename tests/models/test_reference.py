"""The bridge is a copy, in evaluation mode, and drops no edit in silence."""

from __future__ import annotations

import warnings
from dataclasses import replace

import pytest
import torch
from random_models import word_tokenizer

from semphase.errors import SemphaseError
from semphase.models import reference

TEXT = "the bank near the boat"


@pytest.mark.parametrize("family", ["gpt2", "gemma3_text"])
def test_the_model_stays_as_it_was(loaded, family):
    model = loaded(family)
    tokens = torch.tensor([model.encode(TEXT)])
    before = model.module(tokens).logits
    bridge = reference.bridge(model)
    bridge.run_with_hooks(tokens, fwd_hooks=[("blocks.0.hook_resid_post", lambda stream, hook: stream * 0)])
    assert not bridge.training
    assert model.module.config._attn_implementation == "sdpa"
    assert torch.equal(model.module(tokens).logits, before)


def test_a_tokenizer_that_was_never_saved_will_do(loaded):
    model = replace(loaded("llama"), tokenizer=word_tokenizer())
    assert reference.bridge(model).tokenizer is not None


def test_an_edit_that_counts_passes(loaded):
    model = loaded("gpt2")
    tokens = torch.tensor([model.encode(TEXT)])
    bridge = reference.bridge(model)
    with reference.edits_must_count():
        edited = bridge.run_with_hooks(tokens, fwd_hooks=[("blocks.0.attn.hook_z", lambda z, hook: z * 0)])
    assert not torch.allclose(edited, model.module(tokens).logits, atol=1e-3)


def test_a_dropped_edit_is_an_error(loaded):
    model = loaded("opt")  # its attention computes inside transformers
    tokens = torch.tensor([model.encode(TEXT)])
    bridge = reference.bridge(model)
    with (
        pytest.raises(SemphaseError, match=r"^TransformerLens drops edits at self_attn.hook_pattern, since"),
        reference.edits_must_count(),
    ):
        bridge.run_with_hooks(tokens, fwd_hooks=[("blocks.0.attn.hook_pattern", lambda weights, hook: weights * 0)])


def test_other_warnings_are_left_alone():
    with pytest.warns(UserWarning, match="something else"), reference.edits_must_count():
        warnings.warn("something else", UserWarning, stacklevel=1)
