"""The logit lens against the norms and unembeddings written out."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from semphase.errors import SemphaseError
from semphase.measure.readout import ROWS, logit_lens_top1, read_out
from semphase.measure.streams import capture_streams
from semphase.measure.targets import locate_all


def layer_norm(x: np.ndarray, norm) -> np.ndarray:
    centred = x - x.mean(axis=-1, keepdims=True)
    unit = centred / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + norm.eps)
    return unit * norm.weight.double().numpy() + norm.bias.double().numpy()


def root_mean_square(x: np.ndarray, norm) -> np.ndarray:
    return x / np.sqrt((x**2).mean(axis=-1, keepdims=True) + norm.variance_epsilon) * norm.weight.double().numpy()


@pytest.mark.parametrize(
    ("family", "norm"), [("gpt2", layer_norm), ("gpt_neox", layer_norm), ("llama", root_mean_square)]
)
def test_top_tokens_are_those_of_norm_and_unembedding(loaded, prompts, family, norm):
    model = loaded(family)
    stream = capture_streams(model, locate_all(model, prompts))["stream"].values
    found = logit_lens_top1(model, stream)["top1"]
    weight = model.anatomy.unembed.weight.double().numpy()
    logits = norm(stream.astype(float), model.anatomy.final_norm) @ weight.T
    if getattr(model.anatomy.unembed, "bias", None) is not None:
        logits += model.anatomy.unembed.bias.double().numpy()
    first, second = np.sort(logits, axis=-1)[..., -1], np.sort(logits, axis=-1)[..., -2]
    # Where two logits differ by less than float32's rounding, either token may win.
    clear = first - second > 1e-5 * np.abs(logits).max()
    assert clear.mean() > 0.9
    assert found.dims == ("prompt", "layer")
    np.testing.assert_array_equal(found.values[clear], logits.argmax(axis=-1)[clear])


def test_the_last_layer_predicts_what_the_model_predicts(loaded, prompts):
    model = loaded("gpt2")
    targets = locate_all(model, prompts[:6])
    stream = capture_streams(model, targets)["stream"].values
    found = logit_lens_top1(model, stream)["top1"].values[:, -1]
    for target, token in zip(targets, found, strict=True):
        logits = model.module(torch.tensor([target.tokens])).logits[0, target.position]
        assert int(logits.argmax()) == token


def test_rows_are_independent_of_the_pieces_they_come_in(loaded):
    model = loaded("llama")
    stream = np.random.default_rng(0).normal(size=(ROWS // 2 + 7, 4, 32)).astype(np.float32)
    whole = logit_lens_top1(model, stream)["top1"].values
    apart = np.concatenate([logit_lens_top1(model, row[None])["top1"].values for row in stream[::20]])
    np.testing.assert_array_equal(apart, whole[::20])


@pytest.mark.parametrize("family", ["gpt2", "llama", "gemma3_text", "opt"])
def test_the_last_stream_reads_out_as_the_model_s_own_logits(loaded, prompts, family):
    model = loaded(family)
    targets = locate_all(model, prompts[:6])
    stream = capture_streams(model, targets)["stream"].values
    found = read_out(model, stream)
    assert found.shape == (6, model.layers + 1, model.module.config.vocab_size)
    for target, logits in zip(targets, found[:, -1], strict=True):
        own = model.module(torch.tensor([target.tokens])).logits[0, target.position].numpy()
        np.testing.assert_allclose(logits, own, atol=1e-4 * np.abs(own).max())
    chosen = logit_lens_top1(model, stream)["top1"].values
    assert (np.take_along_axis(found, chosen[..., None], -1)[..., 0] == found.max(axis=-1)).all()


def test_streams_of_another_width_are_one_sentence(loaded):
    with pytest.raises(SemphaseError, match=r"has 32 components on its last axis and this has the shape \[2, 31\]\.$"):
        read_out(loaded("llama"), np.zeros((2, 31), np.float32))
