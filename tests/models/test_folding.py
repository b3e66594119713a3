"""Folded weights are TransformerLens' processed weights, and predict what the raw ones predict."""

from __future__ import annotations

import pytest
import torch

from semphase.errors import SemphaseError
from semphase.models import reference

TEXT = "by the river anna found the key and the coat , so the bank"


@pytest.fixture(scope="module")
def raw(loaded):
    return loaded("gpt2", processing="raw")


@pytest.fixture(scope="module")
def folded(loaded):
    return loaded("gpt2")


@pytest.fixture(scope="module")
def tokens(raw):
    return torch.tensor([raw.encode(TEXT)])


def test_gpt2_is_folded_by_default(raw, folded):
    assert (raw.processing, folded.processing) == ("raw", "folded")


def test_streams_and_logits_are_those_of_the_compatibility_mode(raw, folded, tokens):
    bridge = reference.bridge(raw)
    bridge.enable_compatibility_mode()
    with torch.no_grad():
        logits, theirs = bridge.run_with_cache(tokens)
        _, ours = reference.bridge(folded).run_with_cache(tokens)
        mine = folded.module(tokens).logits
    for k in range(folded.layers):
        for hook in ("resid_pre", "attn_out", "mlp_out", "resid_post"):
            name = f"blocks.{k}.hook_{hook}"
            torch.testing.assert_close(ours[name], theirs[name], atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(mine, logits, atol=1e-4, rtol=1e-4)


def test_head_outputs_have_no_value_bias_as_in_the_compatibility_mode(raw, folded, tokens):
    bridge = reference.bridge(raw)
    bridge.enable_compatibility_mode()
    with torch.no_grad():
        _, theirs = bridge.run_with_cache(tokens)
        _, ours = reference.bridge(folded).run_with_cache(tokens)
    mine, other = (cache["blocks.1.attn.hook_z"] for cache in (ours, theirs))
    torch.testing.assert_close(mine.reshape(other.shape), other, atol=1e-4, rtol=1e-4)


def test_logits_change_by_one_constant_per_position(raw, folded, tokens):
    with torch.no_grad():
        change = folded.module(tokens).logits - raw.module(tokens).logits
    spread = change - change.mean(dim=-1, keepdim=True)
    assert float(spread.abs().max()) < 1e-4
    assert float(folded.module(tokens).logits.mean(dim=-1).abs().max()) < 1e-5  # centred over the vocabulary


def test_everything_written_to_the_stream_is_centred(folded, tokens):
    with torch.no_grad():
        states = folded.module(tokens, output_hidden_states=True).hidden_states[:-1]
    for state in states:
        assert float(state.mean(dim=-1).abs().max()) < 1e-5


def test_size_and_family_are_those_of_the_raw_model(raw, folded):
    assert (raw.parameters, raw.sha256) == (folded.parameters, folded.sha256)


def test_other_families_cannot_be_folded(loaded):
    with pytest.raises(SemphaseError, match=r"^weights of the family 'llama' cannot be folded; use .* raw$"):
        loaded("llama", processing="folded")


def test_unknown_processing(loaded):
    with pytest.raises(SemphaseError, match="no processing 'centred': choose raw or folded"):
        loaded("llama", processing="centred")
