"""Heads one at a time: exact losses are those of single replays, estimates those of finite differences."""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from random_models import FAMILIES
from scaled import Scaled
from torch.nn import functional
from waits import Waits

import semphase.measure.sweeps as sweeps
from semphase.errors import SemphaseError
from semphase.measure.changes import FORMS, Ablated, Constant, Reformed
from semphase.measure.replay import Replay
from semphase.measure.sweeps import gradient_importance, head_by_head, head_means, substitute
from semphase.models import reference
from semphase.models.anatomy import anatomy

CHUNKS, POSITIONS, LAYERS, HEADS, D_HEAD = 3, 20, 3, 4, 8
# A loss is a difference of logits below 64, which three blocks and sums in another order round by less than
# 200 units in their last place (2⁻¹⁸).
CLOSE = 1e-3
MEANS = Constant(torch.linspace(-1, 1, HEADS * D_HEAD).view(HEADS, D_HEAD))
KINDS = ("zero", "mean", *FORMS)


@pytest.fixture(scope="module")
def ids():
    return torch.randint(3, 90, (CHUNKS, POSITIONS), generator=torch.Generator().manual_seed(3))


@pytest.fixture(scope="module")
def replay_of(loaded, ids):
    """`replay_of(family, **options)` is a replay with nothing in force, made once."""
    made = {}

    def found(family, **options):
        key = (family, *options.items())
        if key not in made:
            made[key] = Replay(loaded(family, **options), ids)
        return made[key]

    yield found
    for replay in made.values():
        replay.close()


def single(kind, head):
    if kind in FORMS:
        return Reformed((head,), kind)
    return Ablated((head,), MEANS if kind == "mean" else None)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("family", ["gpt2", "gemma3_text", "llama"])
def test_heads_together_are_single_replays(replay_of, family, kind):
    replay = replay_of(family)
    found = head_by_head(replay, 1, substitute(kind, MEANS))
    assert found.shape == (HEADS, CHUNKS, POSITIONS - 1)
    for head in range(HEADS):
        np.testing.assert_allclose(found[head], replay.losses({1: single(kind, head)}), atol=CLOSE)


@pytest.mark.parametrize("family", FAMILIES)
def test_every_layer_of_every_family_is_swept(replay_of, family):
    replay = replay_of(family)
    for layer in range(LAYERS):
        found = head_by_head(replay, layer, substitute("zero"))
        alone = torch.stack([replay.losses({layer: Ablated((head,))}) for head in range(HEADS)])
        np.testing.assert_allclose(found, alone, atol=CLOSE)


@pytest.mark.parametrize("tokens", [1, 2 * CHUNKS * POSITIONS, 3 * CHUNKS * POSITIONS, 10**6])
def test_the_width_of_a_pass_changes_nothing(replay_of, monkeypatch, tokens):
    replay = replay_of("qwen3")
    before = head_by_head(replay, 1, substitute("relu"))
    monkeypatch.setattr(sweeps, "pass_tokens", lambda _model: tokens)
    np.testing.assert_allclose(head_by_head(replay, 1, substitute("relu")), before, atol=CLOSE)


def test_heads_of_a_layer_are_waited_for_together(replay_of, monkeypatch):
    replay = replay_of("qwen3")
    head_by_head(replay, 1, substitute("zero"))  # what is asked of a model once
    for tokens, passes in ((10**6, 1), (CHUNKS * POSITIONS, HEADS)):
        monkeypatch.setattr(sweeps, "pass_tokens", lambda _model, tokens=tokens: tokens)
        with Waits() as waits:
            head_by_head(replay, 1, substitute("zero"))
        assert waits.count == passes  # whether sums of exponentials are in range


def test_a_pass_fits_into_the_memory_of_its_device():
    assert sweeps.fitting_tokens(None, 4 * 576) == sweeps.WIDE
    assert sweeps.fitting_tokens(80 * 2**30, 4 * 576) == sweeps.WIDE
    large, larger = (sweeps.fitting_tokens(80 * 2**30, 4 * d_model) for d_model in (8192, 16384))
    assert 1 < larger < large < sweeps.WIDE
    assert large * sweeps.HELD * 4 * 8192 <= 80 * 2**30 / sweeps.SHARE
    assert sweeps.fitting_tokens(1, 4) == 1


def test_chosen_heads_come_in_their_order(replay_of):
    replay = replay_of("opt")
    whole = head_by_head(replay, 2, substitute("zero"))
    np.testing.assert_allclose(head_by_head(replay, 2, substitute("zero"), [3, 0]), whole[[3, 0]], atol=CLOSE)


@pytest.mark.parametrize("kind", ["zero", "relu"])
def test_heads_come_on_top_of_what_is_in_force_in_any_layer(loaded, ids, kind):
    with Replay(loaded("gpt2"), ids) as replay:
        replay.move({0: Ablated((1,)), 1: Ablated((0, 3)), 2: Ablated((2,))})
        found = head_by_head(replay, 1, substitute(kind), [1, 2])
        for row, head in zip(found, (1, 2), strict=True):

            def change(seen, head=head):
                outputs = single(kind, head)(seen).clone()
                outputs[:, :, [0, 3]] = 0
                return outputs

            np.testing.assert_allclose(row, replay.losses({**replay.changes, 1: change}), atol=CLOSE)


def test_a_loss_that_is_not_finite_names_head_and_layer(replay_of, monkeypatch):
    def broken(seen, heads):
        weights = FORMS["softmax"](seen, heads)
        weights[:, heads.index(2)] = torch.nan
        return weights

    replay, other = replay_of("llama"), substitute("relu")
    monkeypatch.setitem(FORMS, "broken", broken)
    with pytest.raises(SemphaseError, match=r"^the loss is not finite with head 2 of layer 1 changed; .*\.$"):
        head_by_head(replay, 1, substitute("broken"))
    assert head_by_head(replay, 1, other).isfinite().all()


def test_a_weight_that_overflows_names_the_first_head(loaded, ids):
    model = loaded("gpt2")
    module = copy.deepcopy(model.module)
    parts = anatomy(module)
    parts.mlp[2].c_proj.bias[0] = torch.inf
    with (
        Replay(replace(model, module=module, anatomy=parts), ids) as replay,
        pytest.raises(SemphaseError, match="not finite with head 0 of layer 0 changed; check the weights"),
    ):
        head_by_head(replay, 0, substitute("zero"))


def test_an_unknown_kind_is_one_sentence():
    with pytest.raises(
        SemphaseError, match=r"^there is no change 'cubic' of a head: choose zero, mean, softmax,[^.]*\.$"
    ):
        substitute("cubic")


def test_means_are_plain_means_over_chunks_and_positions(loaded, replay_of, ids):
    replay = replay_of("phi")
    expected = replay.outputs(2).double().mean(dim=(0, 1))
    np.testing.assert_allclose(head_means([replay], 2), expected, rtol=1e-12)
    with Replay(loaded("phi"), ids[:1]) as first, Replay(loaded("phi"), ids[1:]) as rest:
        # Chunks read in other company round by a few units of numbers near 1.
        np.testing.assert_allclose(head_means((first, rest), 2), expected, atol=1e-5)


# Central differences with a step of 1e-4 in float64: the step's square times a third derivative of the order of the
# loss (some hundred nats), and roundings of 1e-13 over the step, are both below 1e-5. Families with norms that round
# to float32 or with kinks (ReLU) have no such differences.
STEP, NEAR = 1e-4, 1e-5
SMOOTH = ("gpt2", "gpt_neox", "phi")


def by_differences(replay, layer, head, other):
    """The slope of the summed loss as one head's outputs move towards the substitute."""
    own, instead = replay.probe(layer, lambda seen: torch.stack([seen.outputs, other(seen)]))
    move = torch.zeros_like(own)
    move[:, :, head] = (instead - own)[:, :, head]
    up, down = (replay.with_outputs(layer, (own + sign * STEP * move)[None]).sum() for sign in (1, -1))
    return float(up - down) / (2 * STEP)


@pytest.mark.parametrize("kind", ["zero", "mean", "relu", "product"])
@pytest.mark.parametrize("family", SMOOTH)
def test_estimates_are_slopes(replay_of, ids, family, kind):
    replay = replay_of(family, dtype="float64")
    others = {layer: substitute(kind, MEANS) for layer in range(LAYERS)}
    found = gradient_importance(replay.model, ids, others)
    expected = [[by_differences(replay, k, head, others[k]) for head in range(HEADS)] for k in range(LAYERS)]
    assert np.abs(expected).min() > 10 * NEAR
    np.testing.assert_allclose(found, expected, atol=NEAR)


@pytest.mark.parametrize("family", SMOOTH)
def test_the_estimate_for_zero_is_the_slope_of_scaling(replay_of, ids, family):
    replay = replay_of(family, dtype="float64")
    found = gradient_importance(replay.model, ids, {1: substitute("zero")})
    losses = [[replay.losses({1: Scaled((h,), 1 - sign * STEP)}).sum() for sign in (1, -1)] for h in range(HEADS)]
    expected = [float(up - down) / (2 * STEP) for up, down in losses]
    np.testing.assert_allclose(found[1], expected, atol=NEAR)
    assert not found[[0, 2]].any()


@pytest.mark.parametrize("family", FAMILIES)
def test_estimates_are_gradients_at_hook_z(loaded, ids, family):
    model = loaded(family)
    found = gradient_importance(model, ids, {layer: substitute("zero") for layer in range(LAYERS)})
    bridge, outputs, probes = reference.bridge(model), [], []

    def probe(z, hook):
        outputs.append(z.detach().clone())
        probes.append(torch.zeros_like(z, requires_grad=True))
        return z + probes[-1]

    with reference.edits_must_count(), torch.enable_grad():
        logits = bridge.run_with_hooks(ids, fwd_hooks=[(f"blocks.{k}.attn.hook_z", probe) for k in range(LAYERS)])
        loss = functional.cross_entropy(logits[:, :-1].flatten(0, 1), ids[:, 1:].flatten(), reduction="sum")
    for k, gradient in enumerate(torch.autograd.grad(loss, probes)):
        expected = -(outputs[k] * gradient).view(CHUNKS, POSITIONS, HEADS, D_HEAD).sum(dim=(0, 1, 3))
        # Sums of some 500 products in float32, forwards and backwards through three blocks.
        np.testing.assert_allclose(found[k], expected, atol=1e-4 * float(expected.abs().max()))


def test_estimates_are_slopes_on_top_of_what_is_in_force(loaded, ids):
    model, changes = loaded("phi", dtype="float64"), {0: Ablated((1,)), 1: Ablated((0,)), 2: Reformed((2,), "absolute")}
    found = gradient_importance(model, ids, {k: substitute("zero") for k in range(LAYERS)}, changes)
    with Replay(model, ids) as replay:
        replay.move(changes)
        for layer in range(LAYERS):
            own = replay.outputs(layer)
            for head in range(HEADS):
                move = torch.zeros_like(own)
                move[:, :, head] = -own[:, :, head]
                up, down = (replay.with_outputs(layer, (own + s * STEP * move)[None]).sum() for s in (1, -1))
                assert float(found[layer, head]) == pytest.approx(float(up - down) / (2 * STEP), abs=NEAR)
    assert found[0, 1] == found[1, 0] == 0


def test_estimates_add_up_over_chunks(loaded, ids):
    model = loaded("qwen2", dtype="float64")
    others = {layer: substitute("zero") for layer in range(LAYERS)}
    parts = sum(gradient_importance(model, ids[row : row + 1], others) for row in range(CHUNKS))
    np.testing.assert_allclose(gradient_importance(model, ids, others), parts, rtol=1e-12)


def test_estimates_leave_no_hook_and_no_gradient(loaded, ids):
    model = loaded("gpt2")
    gradient_importance(model, ids[:1], {1: substitute("zero")})
    assert all(weight.grad is None and not weight.requires_grad for weight in model.module.parameters())
    assert not any(part._forward_pre_hooks for part in model.module.modules())
    assert model.module.config._attn_implementation == "sdpa"
