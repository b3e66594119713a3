"""Preflight passes where changes do what they say, and stops where they do nothing or too much."""

from __future__ import annotations

import pytest
import torch
from random_models import FAMILIES, random_model

import semphase.measure.replay as replay
from semphase.errors import SemphaseError
from semphase.measure.attention import Attending, attending
from semphase.measure.blocks import returned_type
from semphase.measure.changes import Ablated
from semphase.measure.preflight import LEAST_EFFECT, POSITIONS, model_loss, preflight
from semphase.measure.replay import Replay
from semphase.tolerances import loss_tolerance

PER_NAT = loss_tolerance("float32")


@pytest.fixture(scope="module")
def ids():
    return torch.randint(3, 90, (2, 48), generator=torch.Generator().manual_seed(4))


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_passes(loaded, ids, family):
    model = loaded(family)
    kept, moved = preflight(model, ids)
    assert kept <= PER_NAT * model_loss(model, ids[:1])
    # Random weights of 0.2 make heads that matter: far above the least effect.
    assert moved > 1e-3 > LEAST_EFFECT * PER_NAT


def test_double_precision_passes(loaded, ids):
    kept, moved = preflight(loaded("phi", dtype="float64"), ids)
    # Cross entropy by whole logits is taken in float32.
    assert kept < 10 * PER_NAT < moved


def test_the_second_number_is_that_of_a_third_of_the_heads_zeroed(loaded, ids):
    model = loaded("mistral")
    _, moved = preflight(model, ids)
    with Replay(model, ids[:1]) as whole:
        zeroed = whole.losses({layer: Ablated((0, 3)) for layer in range(model.layers)}).double().mean()
    assert moved == pytest.approx(abs(float(zeroed) - model_loss(model, ids[:1])), rel=1e-9)


def test_only_the_beginning_of_the_text_is_read(loaded, ids):
    model, read = loaded("llama"), []
    returned_type(model)  # asked of one token, once for each model
    handle = model.module.base_model.register_forward_pre_hook(
        lambda _module, _args, kwargs: read.append(tuple(kwargs["input_ids"].shape)), with_kwargs=True
    )
    preflight(model, ids)
    handle.remove()
    assert set(read) == {(1, min(POSITIONS, 48))}


def test_a_seam_that_changes_do_not_reach_is_an_error(loaded, ids, monkeypatch):
    monkeypatch.setattr(replay, "attending", lambda model, *_: attending(model, {}))
    with pytest.raises(
        SemphaseError,
        match=r"^zeroing a third of the heads of \S+ moves the loss by .*choose a model of another family\.$",
    ):
        preflight(loaded("gpt2"), ids)


@pytest.mark.parametrize("factor", [1.01, float("nan")])
def test_a_seam_that_distorts_is_an_error(loaded, ids, monkeypatch, factor):
    own = Attending.outputs.func
    # One head only: the norm behind gemma's attention would undo a factor on all.
    monkeypatch.setattr(
        Attending, "outputs", property(lambda seen: own(seen) * torch.tensor([factor, 1, 1, 1])[:, None])
    )
    with pytest.raises(
        SemphaseError, match=r"^passing the attention of \S+ \(\w+\) through unchanged moves the loss by .*family\.$"
    ):
        preflight(loaded("gemma3_text"), ids)


@pytest.mark.parametrize(
    ("broken", "named"),
    [("layers.1.self_attn.o_proj.weight", "what block 1 writes"), ("norm.weight", "the readout")],
)
def test_broken_weights_are_named(tmp_path, ids, broken, named):
    model = random_model("llama", tmp_path)
    with torch.no_grad():
        model.module.base_model.get_parameter(broken).view(-1)[0] = torch.nan
    with pytest.raises(SemphaseError, match=f"is nan before any change, for {named} is not finite; check the weights"):
        preflight(model, ids)


def test_changes_that_give_nothing_finite_are_an_error(loaded, ids, monkeypatch):
    monkeypatch.setattr(Ablated, "__call__", lambda _self, seen: seen.outputs * torch.nan)
    with pytest.raises(SemphaseError, match="moves the loss by nan nats per token"):
        preflight(loaded("gpt2"), ids)
