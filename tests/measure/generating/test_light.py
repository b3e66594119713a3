"""Heads that are not computed and heads with a running state: the quadratic form's numbers, at a price that stays."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from wandering import generate, logs_of, prompts_of, stepping, written

from semphase.measure.attention import Attending
from semphase.measure.changes import FORMS
from semphase.measure.edits import added, zeroed
from semphase.measure.generating import light as lights
from semphase.measure.generating.light import LightAttention, Lightened, Present, lightened
from semphase.measure.generating.now import Now
from semphase.measure.generation import continuation
from semphase.measure.kernels import quadratic
from semphase.measure.sites import ALL, Shape, head, heads, key, mlp, pattern
from semphase.measure.wiring import form, hidden_keys, keys, skipped

HEADS, KV, D, VALUES, SCALING = 4, 2, 6, 5, 0.3
# Sums of tens of numbers of order one in float64.
CLOSE = 1e-12
SHAPE = Shape("any", 3, 4, 2, 32, 8, 48)
LINEAR = form(head(ALL), "identity")


def vectors(rows, positions, seed=0):
    generator = torch.Generator().manual_seed(seed)
    shapes = ((HEADS, D), (KV, D), (KV, VALUES))
    return [torch.randn(rows, n, positions, d, generator=generator, dtype=torch.float64) for n, d in shapes]


def seen_at(parts, rows, start, stop):
    query, key, value = (torch.stack([part[row, :, start[row] : stop[row]] for row in rows]) for part in parts)
    return Attending(nn.Identity(), query, key, value, None, SCALING)


@pytest.mark.parametrize("lengths", [(7, 3, 5), (4, 4)])
def test_a_running_state_is_the_quadratic_form(lengths):
    rows, steps = range(len(lengths)), 6
    query, key, value = parts = vectors(len(lengths), max(lengths) + steps)
    present = Present(tuple(range(HEADS)), (0, 1), HEADS // KV, Lightened(frozenset(), frozenset(range(HEADS))))
    now = Now(lengths, 1, torch.device("cpu"))
    light = LightAttention(now, max(lengths) + steps, None, present)
    wanted = quadratic(query, key, value, "identity", SCALING).transpose(1, 2)
    first = light(seen_at(parts, rows, [0] * len(rows), [max(lengths)] * len(rows)))
    torch.testing.assert_close(first, wanted[:, : max(lengths)], rtol=0, atol=CLOSE * float(wanted.abs().max()))
    for step in range(steps):
        now.step()
        at = [length + step for length in lengths]
        found = light(seen_at(parts, rows, at, [own + 1 for own in at]))
        own = torch.stack([wanted[row, at[row]] for row in rows])[:, None]
        torch.testing.assert_close(found, own, rtol=0, atol=CLOSE * float(wanted.abs().max()))
        whole = Attending(nn.Identity(), query, key, value, None, SCALING)
        seam = whole.weighted(FORMS["identity"](whole, list(range(HEADS)))).double()
        torch.testing.assert_close(found, torch.stack([seam[row, at[row]] for row in rows])[:, None], rtol=0, atol=1e-4)
        assert light.state.state.shape == (len(lengths), HEADS, D, VALUES)
        assert light.cache._kept == []


@pytest.mark.parametrize("family", ["gpt2", "llama", "gpt_neox", "qwen2", "opt"])
def test_a_linear_model_pays_the_same_for_every_token(wandering, family):
    model, items = wandering(family), prompts_of((4, 9))
    with stepping(model, items, [LINEAR]) as run:
        assert run.cost.per_key == 0
        run.begin()
        sizes = []
        for token in range(3, 9):
            run.step(torch.tensor([token, token]))
            sizes.append(kept_numbers(run))
    assert set(sizes) == {2 * model.layers * model.heads * model.d_head**2}
    found = generate(model, items, [LINEAR], tokens=8)
    np.testing.assert_array_equal(found.flops.values, 7 * run.cost.fixed)


def kept_numbers(run):
    """How many numbers all layers keep of the past."""
    count = 0
    for layer in range(run.model.layers):
        own = changes_in_force(run)[layer]
        states = [own.state.state] if isinstance(own, LightAttention) else []
        count += sum(part.numel() for part in [*states, *own.cache._kept])
    return count


def changes_in_force(run):
    from semphase.measure.seam import _Seam

    modules = [{id(part) for part in block.modules()} for block in run.model.anatomy.blocks]
    return [next(own for name, own in _Seam.changes.items() if name in inside) for inside in modules]


def test_layers_with_a_window_keep_their_keys(wandering):
    model, items = wandering("gemma3_text"), prompts_of((4, 9))
    with stepping(model, items, [LINEAR]) as run:
        own = changes_in_force(run)
        assert [len(layer.linear.heads) for layer in own] == [0, 0, model.heads]
        assert [len(layer.keys) for layer in own] == [model.key_heads, model.key_heads, 0]
        assert run.cost.per_key > 0
    found = generate(model, items, [LINEAR], tokens=6)
    logs = logs_of(continuation(model, items, [LINEAR], [tuple(written(found, k)[:5]) for k in range(2)]))
    np.testing.assert_array_equal(logs.argmax(axis=1), found.token.values[:, 0, 5])


@pytest.mark.parametrize("family", ["gpt2", "llama", "gpt_neox"])
def test_the_running_state_is_the_form_of_the_seam(wandering, monkeypatch, family):
    model, items, edits = wandering(family), prompts_of((4, 9)), [LINEAR, zeroed(head(1, [0, 2]))]
    light = generate(model, items, edits, tokens=12)
    monkeypatch.setattr("semphase.measure.generating.steps.lightened", lambda *_: {})
    seam = generate(model, items, edits, tokens=12)
    np.testing.assert_array_equal(light.token, seam.token)
    # The form's scores are taken in float32.
    np.testing.assert_allclose(light.log_probability, seam.log_probability, rtol=1e-4, atol=1e-4)
    assert (light.flops.values < seam.flops.values).all()


@pytest.mark.parametrize(
    ("edits", "found"),
    [
        ([zeroed(head(1, 2))], {1: Lightened(frozenset({2}), frozenset())}),
        ([form(head(1, [0, 2]), "identity"), zeroed(head(1, 2))], {1: Lightened(frozenset({2}), frozenset({0}))}),
        ([zeroed(heads([(0, 1), (2, 3)])), zeroed(head(0, 0))], {0: {0, 1}, 2: {3}}),
        ([zeroed(head(1, 2)), zeroed(mlp(1)), skipped(0)], {1: {2}}),
        ([zeroed(head(1, 2)), added(key(1, 0), np.ones(8))], {}),
        (
            [zeroed(head([0, 1], 2)), form(head(1, 3), "relu")],
            {0: {2}, 1: Lightened(frozenset({2}), frozenset(), frozenset({(3, "relu")}))},
        ),
        ([zeroed(head([0, 1], 2)), form(head(1, 3), "product")], {0: {2}}),
        ([form(head(1, 3), "identity"), form(head(1, 3), "softmax")], {1: set()}),
        ([zeroed(head([0, 1], 2)), zeroed(pattern(1, 3))], {0: {2}}),
        ([zeroed(head([0, 1], 2)), hidden_keys(1, query=ALL, key=0)], {0: {2}}),
        ([zeroed(head(ALL, 2)), keys(4)], {}),
        ([zeroed(head(1, 2, positions="at"))], {}),
        ([zeroed(head(1, 2)), added(head(1, 2), np.ones(8))], {}),
    ],
)  # fmt: skip
def test_what_can_be_left_out(edits, found):
    wanted = {
        layer: own if isinstance(own, Lightened) else Lightened(frozenset(own), frozenset())
        for layer, own in found.items()
    }
    assert lightened(edits, SHAPE) == wanted


def test_removed_heads_are_not_computed(wandering, monkeypatch):
    model, items, scored = wandering("llama"), prompts_of((4, 9)), []
    own = lights.attend

    def counting(query, *rest):
        scored.append(query.shape[1])
        return own(query, *rest)

    monkeypatch.setattr(lights, "attend", counting)
    generate(model, items, [zeroed(heads([(0, 1), (1, 0), (1, 1), (1, 2)])), zeroed(head(2))], tokens=3)
    # Two key heads of the first layer with as many heads as the fuller one, one of the second, none of the third.
    assert scored == [4, 1] * 2
