"""Attention in bfloat16: near the exact one, causal, and in full precision where it must be."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from semphase.measure.attention import Attending, softmax_outputs
from semphase.measure.screening.half_attention import QUERIES, half_outputs

HALF = 2.0**-9
"""How far bfloat16 rounds, relatively."""


def attention_of(length, heads=6, kv=2, batch=2, size=1.0, mask=None, softcap=None):
    rng = torch.Generator().manual_seed(length)
    draw = [torch.randn(batch, n, length, 8, generator=rng) for n in (heads, kv, kv)]
    module = torch.nn.Module()
    module.num_key_value_groups = heads // kv
    return Attending(module, size * draw[0], draw[1], draw[2], mask, 0.3, softcap)


@given(
    length=st.integers(1, 2 * QUERIES + 5),
    kv=st.sampled_from([1, 2, 6]),
    batch=st.integers(1, 3),
    size=st.floats(0.1, 10),
)
def test_outputs_are_off_by_the_rounding_of_scores_weights_and_values(length, kv, batch, size):
    seen = attention_of(length, kv=kv, batch=batch, size=size)
    # A score is off by its factors' rounding and its own: a weight by as large a share, and by its own rounding. An
    # output is a mean of values with these weights, which need not sum to 1 any more, and is rounded too.
    keys = seen.key.repeat_interleave(seen.group, dim=1)
    of_score = 2 * HALF * float((seen.query.abs() @ keys.abs().mT).max()) * seen.scaling + HALF * float(
        seen.scores().abs().max()
    )
    share = torch.expm1(torch.tensor(2 * of_score)).item() + 3 * HALF
    bound = 1.05 * share * float(seen.value.abs().max())
    assert float((half_outputs(seen) - softmax_outputs(seen)).abs().max()) <= bound


def test_large_scores_are_no_trouble():
    seen = attention_of(QUERIES + 1, size=1e4)
    assert bool(half_outputs(seen).isfinite().all())


@pytest.mark.parametrize("position", [3, QUERIES - 1, QUERIES, 2 * QUERIES])
def test_later_keys_are_not_seen(position):
    seen = attention_of(2 * QUERIES + 5)
    before = half_outputs(seen)
    seen.key[:, :, position + 1 :] = 7
    seen.value[:, :, position + 1 :] = 7
    after = half_outputs(seen)
    assert torch.equal(before[:, : position + 1], after[:, : position + 1])
    assert not torch.equal(before[:, position + 1 :], after[:, position + 1 :])


def test_hidden_keys_and_capped_scores_stay_exact():
    window = torch.ones(20, 20).tril().triu(-4).bool()[None, None]
    for seen in (attention_of(20, mask=window), attention_of(20, softcap=2.0)):
        assert torch.equal(half_outputs(seen), softmax_outputs(seen))
    assert not torch.equal(half_outputs(attention_of(20)), softmax_outputs(attention_of(20)))
