"""Moments of what blocks write, and runs in few components, against slow and plain computations."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pytest
import torch

from semphase.errors import SemphaseError
from semphase.measure.losses import token_losses
from semphase.measure.preflight import model_loss
from semphase.models import reference
from semphase.science.writes.sums import (
    GROUPS,
    cosine_sums,
    group_labels,
    leading_rows,
    low_rank_losses,
    plan,
    write_sums,
)

FAMILIES = ("gpt2", "gpt_neox", "gemma3_text")
PARTS = ("all", "attention", "mlp")
CHUNK = 24
# Writes stay below 16: another kernel sums the same products of at most 48 terms in another order. Their products
# over some 50 positions stay within that error times 16 · 50.
CLOSE, CLOSE_PRODUCTS = 1e-4, 0.05


def texts(count: int, length: int = CHUNK, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(3, 200, size=(count, length))


def bases_for(model, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Means and orthonormal bases that have nothing to do with the model."""
    generator = torch.Generator().manual_seed(seed)
    d = model.d_model
    random = torch.randn(model.layers, d, d, generator=generator, dtype=torch.float64)
    means = torch.randn(model.layers, d, generator=generator)
    return means, torch.linalg.qr(random)[0].float()


def writes_by_transformer_lens(model, rows) -> dict[tuple[str, int], list[np.ndarray]]:
    """The writes [position, d] of each row by part and layer, from the reference's caches."""
    bridge, found = reference.bridge(model), defaultdict(list)
    for row in rows:
        _, cache = bridge.run_with_cache(torch.from_numpy(row)[None])
        for layer in range(model.layers):
            before, after = (cache[f"blocks.{layer}.hook_resid_{end}"][0] for end in ("pre", "post"))
            attention = cache[f"blocks.{layer}.hook_attn_out"][0]
            written = (after - before, attention, after - before - attention)
            for part, write in zip(PARTS, written, strict=True):
                found[part, layer].append(write.double().numpy())
    return found


@pytest.mark.parametrize("family", FAMILIES)
def test_moments_are_those_of_transformer_lens(loaded, family):
    model = loaded(family)
    rows = leading_rows(texts(3), positions=2 * CHUNK + 5)
    sums = write_sums(model, rows, range(model.layers), PARTS)
    expected, labels = writes_by_transformer_lens(model, rows), torch.cat(group_labels(rows, GROUPS)).numpy()
    for layer in range(model.layers):
        for i, part in enumerate(PARTS):
            write = np.concatenate(expected[part, layer])
            for group in range(GROUPS + 1):
                own = write[labels == group]
                at = (group, layer, i)
                assert sums.count[group] == len(own)
                np.testing.assert_allclose(sums.norm[at], np.linalg.norm(own, axis=1).sum(), atol=50 * CLOSE)
                np.testing.assert_allclose(sums.total[at], own.sum(axis=0), atol=50 * CLOSE)
                products = sum(np.outer(row, row) for row in own)
                np.testing.assert_allclose(sums.outer[at], products, atol=CLOSE_PRODUCTS)


@pytest.mark.parametrize("family", FAMILIES)
def test_attention_and_mlp_make_up_the_whole(loaded, family):
    model = loaded(family)
    sums = write_sums(model, texts(2), range(model.layers), PARTS)
    whole, attention, mlp = sums.total.unbind(dim=2)
    np.testing.assert_allclose(attention + mlp, whole, atol=50 * CLOSE)


def test_a_slice_of_layers_gives_the_same_numbers(loaded):
    model = loaded("gpt2")
    whole, part = (write_sums(model, texts(2), layers, PARTS) for layers in (range(3), [2]))
    assert torch.equal(whole.outer[:, 2:], part.outer)
    assert torch.equal(whole.norm[:, 2:], part.norm)


def test_memory_does_not_grow_with_positions(loaded):
    model = loaded("gpt2")
    short, long = (write_sums(model, texts(n), range(3)) for n in (1, 6))
    assert [x.shape for x in (short.norm, short.total, short.outer)] == [
        x.shape for x in (long.norm, long.total, long.outer)
    ]
    assert long.outer.shape == (GROUPS + 1, 3, 1, model.d_model, model.d_model)


def test_no_tensor_as_large_as_all_rows_is_made(loaded):
    """The largest tensor of a pass is that of one row, however many rows there are."""
    from torch.utils._python_dispatch import TorchDispatchMode

    model, largest = loaded("gpt2"), {}

    class Watch(TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            made = func(*args, **(kwargs or {}))
            if isinstance(made, torch.Tensor):
                self.seen = max(self.seen, made.numel())
            return made

    for n in (1, 8):
        with Watch() as watch:
            watch.seen = 0
            write_sums(model, texts(n), range(3))
        largest[n] = watch.seen
    assert largest[1] == largest[8]


def test_rows_are_the_first_positions_and_position_0_stands_apart():
    rows = leading_rows(texts(3, 20), positions=50)
    assert [len(row) for row in rows] == [20, 20, 10]
    labels = group_labels(rows, 5)
    assert [int(label[0]) for label in labels] == [5, 5, 5]
    rest = torch.cat([label[1:] for label in labels])
    assert bool((rest.diff() >= 0).all())
    assert set(rest.tolist()) == set(range(5))


def test_too_few_positions_are_refused():
    with pytest.raises(SemphaseError, match=r"at least 16 positions, not 10; give a longer --corpus"):
        leading_rows(texts(1, 10))


def test_groups_give_way_to_memory():
    one = 8 * 32**2 * (GROUPS + 1)
    assert plan(100 * one, 32, 12) == (GROUPS, 12)
    assert plan(8 * one, 32, 12) == (GROUPS, 3)
    groups, layers = plan(4 * one, 32, 12)
    assert 2 <= groups < GROUPS
    assert layers >= 1
    with pytest.raises(SemphaseError, match=r"allow more with --memory"):
        plan(one, 32, 12)


def test_a_write_that_is_not_finite_names_its_layer(loaded):
    model = loaded("gpt2")
    weight = model.anatomy.mlp[1].c_proj.bias
    before, (means, bases) = weight[0].item(), bases_for(model)
    try:
        weight.data[0] = torch.nan
        with pytest.raises(SemphaseError, match=r"what block 1 of .* writes is not finite"):
            write_sums(model, texts(2), range(3))
        with pytest.raises(SemphaseError, match="after block 1 writes in 5 components"):
            low_rank_losses(model, torch.from_numpy(texts(2)), means, bases[..., :5])
    finally:
        weight.data[0] = before


@pytest.mark.parametrize("family", FAMILIES)
def test_cosines_are_those_of_a_loop(loaded, family):
    model, grid = loaded(family), (1, 5, 32)
    means, bases = bases_for(model)
    rows = leading_rows(texts(2), positions=40)
    sums = cosine_sums(model, rows, means, bases, grid)
    expected = writes_by_transformer_lens(model, rows)
    assert int(sums.count.sum()) == 40
    for layer in range(model.layers):
        write, mean = np.concatenate(expected["all", layer]), means[layer].double().numpy()
        for i, k in enumerate(grid):
            p = bases[layer, :, :k].double().numpy()
            rebuilt = mean + (write - mean) @ p @ p.T
            cosine = (write * rebuilt).sum(1) / np.linalg.norm(write, axis=1) / np.linalg.norm(rebuilt, axis=1)
            np.testing.assert_allclose(sums.cosine[:, layer, i].sum(), cosine.sum(), atol=40 * CLOSE)
    np.testing.assert_allclose(sums.cosine[..., -1].sum(dim=0), 40, atol=40 * CLOSE)


@pytest.mark.parametrize("family", FAMILIES)
def test_all_components_leave_the_loss_alone(loaded, family):
    model, ids = loaded(family), torch.from_numpy(texts(2))
    loss = low_rank_losses(model, ids, *bases_for(model)).double().mean()
    assert float(loss) == pytest.approx(model_loss(model, ids), abs=1e-5)


@pytest.mark.parametrize("family", FAMILIES)
def test_without_components_only_the_means_are_written(loaded, family):
    model, ids = loaded(family), torch.from_numpy(texts(2))
    means, bases = bases_for(model)
    losses = low_rank_losses(model, ids, means, bases[..., :0])
    entering = []
    handle = model.anatomy.blocks[0].register_forward_pre_hook(
        lambda _, args, kwargs: entering.append(args[0] if args else kwargs["hidden_states"]), with_kwargs=True
    )
    with torch.no_grad():
        model.module(ids, use_cache=False)
        handle.remove()
        expected = token_losses(model, entering[0] + means.sum(dim=0), ids)
    np.testing.assert_allclose(losses, expected, atol=CLOSE)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("k", [3, 20])
def test_few_components_are_those_of_a_patched_transformer_lens(loaded, family, k):
    """The same intervention by the reference's own hooks, on whole logits, one chunk after the other."""
    model, ids = loaded(family), texts(2)
    means, bases = bases_for(model)
    losses = low_rank_losses(model, torch.from_numpy(ids), means, bases[..., :k])
    bridge = reference.bridge(model)
    for row, own in zip(ids, losses, strict=True):
        logits = bridge.run_with_hooks(torch.from_numpy(row)[None], fwd_hooks=_slow_hooks(means, bases[..., :k]))
        expected = -logits[0, :-1].double().log_softmax(dim=-1)[range(CHUNK - 1), row[1:]]
        np.testing.assert_allclose(own, expected.detach(), atol=20 * CLOSE)


def _slow_hooks(means, bases):
    entering = {}

    def keep(stream, hook):
        entering[hook.name.split(".")[1]] = stream

    def replace(stream, hook):
        layer = hook.name.split(".")[1]
        write = stream - entering[layer]
        mean, basis = means[int(layer)], bases[int(layer)]
        kept = sum(((write - mean) @ direction)[..., None] * direction for direction in basis.T)
        return entering[layer] + mean + kept

    layers = range(len(means))
    pre = [(f"blocks.{layer}.hook_resid_pre", keep) for layer in layers]
    return pre + [(f"blocks.{layer}.hook_resid_post", replace) for layer in layers]


def test_one_basis_may_serve_all_layers(loaded):
    model, ids = loaded("gpt2"), torch.from_numpy(texts(2))
    means, bases = bases_for(model)
    shared = bases[0, :, :7]
    one = low_rank_losses(model, ids, means, shared)
    assert torch.equal(one, low_rank_losses(model, ids, means, shared.expand(3, -1, -1)))


def test_more_components_than_the_stream_has_are_refused(loaded):
    model = loaded("gpt2")
    means, bases = bases_for(model)
    with pytest.raises(SemphaseError, match=r"33 components were asked of 32; choose at most 32"):
        cosine_sums(model, texts(2), means, bases, [1, 33])
    with pytest.raises(SemphaseError, match=r"64 components were asked of 32; choose at most 32"):
        low_rank_losses(model, torch.from_numpy(texts(1)), means, torch.cat([bases, bases], dim=-1))


def test_the_model_is_left_as_it_was(loaded):
    model, ids = loaded("gpt2"), torch.from_numpy(texts(2))
    before = model_loss(model, ids)
    means, bases = bases_for(model)
    low_rank_losses(model, ids, means, bases[..., :2])
    write_sums(model, texts(2), range(3), PARTS)
    assert model_loss(model, ids) == before
