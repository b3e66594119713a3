"""One head after the other: exact losses by replay, and first-order estimates from a single backward pass."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from jaxtyping import Float, Int
from torch import Tensor

from semphase.errors import SemphaseError
from semphase.measure.attention import Attending, Change, Changes, Outputs, attending
from semphase.measure.changes import FORMS, Constant, reformed
from semphase.measure.halving import in_passes, within_memory
from semphase.measure.losses import token_losses
from semphase.measure.replay import Replay
from semphase.models import Model
from semphase.models.device import device_memory

Substitute = Callable[[Attending], Outputs]
"""What all heads of a layer would give under a change of any of them."""
WIDTH = 2048
"""Tokens that one pass takes together on a CPU: as many as its caches hold."""
WIDE = 32768
"""On other devices: as many as fill them."""
HELD, SHARE = 24, 8
"""A pass may take an eighth of a device's memory; of each token it holds at most 24 streams' worth: the stream, queries,
keys and values, the neurons, and copies of them."""


def pass_tokens(model: Model) -> int:
    """How many tokens one forward pass should take on the model's device."""
    if model.device.type == "cpu":
        return WIDTH
    return fitting_tokens(device_memory(model.device), model.d_model * model.dtype.itemsize)


def fitting_tokens(memory: int | None, stream_bytes: int) -> int:
    """`WIDE`, or as many tokens as fit into a share of so much memory; a token's stream takes `stream_bytes`."""
    return WIDE if memory is None else max(1, min(WIDE, memory // (SHARE * HELD * stream_bytes)))


def substitute(kind: str, means: Constant | None = None) -> Substitute:
    """The outputs under "zero", under "mean" (then `means` gives them), or under a form of attention."""
    if kind == "zero":
        return lambda seen: torch.zeros_like(seen.outputs)
    if kind == "mean":
        assert means is not None
        return lambda seen: means.outputs.to(seen.outputs.dtype).expand_as(seen.outputs)
    if kind not in FORMS:
        raise SemphaseError(f"there is no change {kind!r} of a head: choose zero, mean, {', '.join(FORMS)}.")
    return lambda seen: reformed(seen, list(range(seen.heads)), kind)


def head_by_head(
    replay: Replay, layer: int, other: Substitute, heads: list[int] | None = None
) -> Float[Tensor, "head chunk predicted"]:
    """Token losses with one head of a layer substituted at a time, on top of the changes in force.

    `heads` are all by default. The layer's attention is computed once; as many heads are replayed together as fill a
    pass. Raises SemphaseError naming layer and head where a loss is not finite.
    """
    in_force = replay.attention(layer)

    def look(seen: Attending) -> Tensor:
        return torch.stack([seen.outputs if in_force is None else in_force(seen), other(seen)])

    own, instead = replay.probe(layer, look)
    chosen = list(range(own.shape[2])) if heads is None else heads
    width = max(1, pass_tokens(replay.model) // replay.ids.numel())

    def substituted(some: list[int]) -> Tensor:
        copies = own[None].repeat(len(some), 1, 1, 1, 1)
        for copy, head in zip(copies, some, strict=True):
            copy[:, :, head] = instead[:, :, head]
        return replay.with_outputs(layer, copies).view(len(some), len(replay.ids), -1)

    batches = [chosen[start : start + width] for start in range(0, len(chosen), width)]
    losses = torch.cat([found for _, found in in_passes(replay.model, batches, substituted)])
    _require_finite_heads(losses, layer, chosen)
    return losses


def _require_finite_heads(losses: Float[Tensor, "head chunk predicted"], layer: int, heads: list[int]) -> None:
    """All heads are asked about together: each answer that is waited for stops the device."""
    finite = losses.isfinite().flatten(1).all(dim=1).tolist()
    for head, own, row in zip(heads, finite, losses, strict=True):
        if not own:
            require_finite(row, f"head {head} of layer {layer} changed")


def require_finite(losses: Tensor, what: str) -> None:
    """SemphaseError, saying what was changed, for losses that are not finite."""
    if not bool(losses.isfinite().all()):
        raise SemphaseError(f"the loss is not finite with {what}; check the weights or choose a wider --dtype.")


def head_means(replays: list[Replay] | tuple[Replay, ...], layer: int) -> Float[Tensor, "head d_head"]:
    """The mean output of each head of a layer over all positions of some chunks."""
    outputs = [replay.outputs(layer).flatten(0, 1) for replay in replays]
    return torch.cat(outputs).double().mean(dim=0)


def gradient_importance(
    model: Model,
    ids: Int[Tensor, "chunk position"],
    others: Mapping[int, Substitute],
    changes: Changes | None = None,
) -> Float[Tensor, "layer head"]:
    """First-order change of the summed loss when a head is substituted: Σ (other − output)·∂loss/∂output.

    All heads of all layers in `others` at once, for one forward and one backward pass over each chunk (Michel, Levy
    and Neubig 2019 use its absolute value for ablation). `changes` are in force meanwhile.
    """
    total = torch.zeros(model.layers, model.heads, dtype=torch.float64, device=model.device)
    for row in ids.to(model.device).split(1):
        probes: dict[int, Tensor] = {}
        steps: dict[int, Tensor] = {}
        recording = {k: _recording(k, other, (changes or {}).get(k), probes, steps) for k, other in others.items()}
        with within_memory(model):
            loss = token_losses(model, _final_stream(model, row, {**(changes or {}), **recording}), row).sum()
            gradients = torch.autograd.grad(loss, [probes[k] for k in others])
        for k, gradient in zip(others, gradients, strict=True):
            total[k] += (gradient * steps[k]).sum(dim=(0, 1, 3)).double()
    return total


def _recording(
    layer: int, other: Substitute, own: Change | None, probes: dict[int, Tensor], steps: dict[int, Tensor]
) -> Change:
    def change(seen: Attending) -> Outputs:
        outputs = seen.outputs if own is None else own(seen)
        steps[layer] = (other(seen) - outputs).detach()
        probes[layer] = torch.zeros_like(outputs, requires_grad=True)
        return outputs + probes[layer]

    return change


def _final_stream(model: Model, ids: Int[Tensor, "chunk position"], changes: Changes) -> Tensor:
    found: list[Tensor] = []

    def keep(_norm: object, args: tuple[Tensor, ...]) -> None:
        found.append(args[0])

    handle = model.anatomy.final_norm.register_forward_pre_hook(keep)
    try:
        with torch.enable_grad(), attending(model, changes):
            model.module.base_model(input_ids=ids, use_cache=False)
    finally:
        handle.remove()
    return found[0]
