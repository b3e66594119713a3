"""What blocks write to the residual stream: streamed moments, reconstructions, and runs on a few components only.

The write of block l is Δφ(l) = the stream that leaves it minus the stream that enters it (002, exp7). Rows are chunks
of token ids, each a context of its own. Position 0 of a chunk sees nothing but itself and often writes far more than
the others, so its sums are kept apart: every result exists with and without it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from semphase.errors import SemphaseError
from semphase.measure.losses import token_losses
from semphase.measure.shelf import told_bytes
from semphase.measure.streams import first_tensor, run_blocks
from semphase.models import Model, write_of

POSITIONS = 1000
"""Positions that moments are taken over (002, exp7)."""
GROUPS = 8
"""Contiguous groups of positions, from which intervals are made."""
PARTS = ("attention", "mlp")
WHOLE = ("all",)
Rows = Sequence[Int[np.ndarray, " _"]] | Int[np.ndarray, "row _"]
Look = Callable[[int, str, Float[Tensor, "position d"]], None]
Advance = Callable[[int], None]


@dataclass(frozen=True, slots=True, eq=False)
class WriteSums:
    """Sums over positions in float64, in the model's units; the last group holds position 0 of every chunk.

    `count` of positions, `norm` of the writes' lengths, `total` of the writes, `outer` of their outer products.
    """

    count: Int[Tensor, " group"]
    norm: Float[Tensor, "group layer part"]
    total: Float[Tensor, "group layer part d"]
    outer: Float[Tensor, "group layer part d d"]


@dataclass(frozen=True, slots=True, eq=False)
class CosineSums:
    """Sums over positions of cos(Δφ, its reconstruction); the last group holds position 0 of every chunk."""

    count: Int[Tensor, " group"]
    cosine: Float[Tensor, "group layer k"]


def leading_rows(chunks: Int[np.ndarray, "chunk position"], positions: int = POSITIONS) -> Rows:
    """The first `positions` positions of some chunks, the last one cut short; all there are, if fewer."""
    kept = [row[: max(0, positions - i * chunks.shape[1])] for i, row in enumerate(chunks)]
    rows = [row for row in kept if len(row)]
    found = sum(map(len, rows))
    if found < 2 * GROUPS:
        raise SemphaseError(
            f"moments of writes need at least {2 * GROUPS} positions, not {found}; give a longer --corpus."
        )
    return rows


def plan(memory: int, d_model: int, layers: int) -> tuple[int, int]:
    """How many groups of positions fit into `memory` bytes, and of how many layers at a time.

    A layer needs d² float64 numbers for each group and for position 0; the moments pooled over all layers take four
    times as many, and their differences as many again. Raises SemphaseError where not even two groups of one layer fit.
    """
    for groups in range(GROUPS, 1, -1):
        at_once = memory // _bytes(groups, d_model) - 5
        if at_once >= 1:
            return groups, min(layers, at_once)
    raise SemphaseError(
        f"second moments of {d_model} components in two groups take {told_bytes(6 * _bytes(2, d_model))} and "
        f"--memory allows {told_bytes(memory)}; allow more with --memory."
    )


def _bytes(groups: int, d_model: int) -> int:
    return 8 * d_model**2 * (groups + 1)


def write_sums(
    model: Model,
    rows: Rows,
    layers: Sequence[int],
    parts: Sequence[str] = WHOLE,
    groups: int = GROUPS,
    advance: Advance = lambda _: None,
) -> WriteSums:
    """Moments of the writes of some layers: of the whole block ("all"), of its "attention" or of its "mlp".

    Memory grows with groups, layers and parts, not with positions. Raises SemphaseError naming the layer where a
    write is not finite.
    """
    shape, d, work = (groups + 1, len(layers), len(parts)), model.d_model, _working_device(model)
    zeros = [torch.zeros(*shape, *more, dtype=torch.float64, device=work) for more in ((), (d,), (d, d))]
    sums = WriteSums(torch.zeros(groups + 1, dtype=torch.long), *zeros)
    for ids, label in zip(rows, group_labels(rows, groups), strict=True):

        def add(layer: int, part: str, write: Tensor, label: Tensor = label) -> None:
            at = (layers.index(layer), parts.index(part))
            for group in label.unique().tolist():
                chosen = write[(label == group).to(write.device)]
                sums.norm[group, *at] += chosen.norm(dim=-1).sum()
                sums.total[group, *at] += chosen.sum(dim=0)
                sums.outer[group, *at] += chosen.T @ chosen

        sums.count.add_(label.bincount(minlength=groups + 1))
        _watch(model, ids, layers, parts, add)
        advance(1)
    return sums


def cosine_sums(
    model: Model,
    rows: Rows,
    means: Float[Tensor, "layer d"],
    bases: Float[Tensor, "layer d component"],
    grid: Sequence[int],
    groups: int = GROUPS,
) -> CosineSums:
    """Cosines between Δφ and mean + P Pᵀ(Δφ − mean), P the first K columns of the layer's orthonormal basis.

    All K of `grid` come from one projection: inner products and lengths are cumulative sums over components.
    """
    _require_components(max(grid), bases)
    work, layers = _working_device(model), range(model.layers)
    found = torch.zeros(groups + 1, model.layers, len(grid), dtype=torch.float64, device=work)
    count = torch.zeros(groups + 1, dtype=torch.long)
    for ids, label in zip(rows, group_labels(rows, groups), strict=True):

        def add(layer: int, _part: str, write: Tensor, label: Tensor = label) -> None:
            mean, basis = means[layer].to(write), bases[layer].to(write)
            found[:, layer].index_add_(0, label.to(work), _cosines(write, mean, basis)[:, list(grid)])

        count += label.bincount(minlength=groups + 1)
        _watch(model, ids, layers, WHOLE, add)
    return CosineSums(count, found)


def _cosines(
    write: Float[Tensor, "position d"], mean: Float[Tensor, " d"], basis: Float[Tensor, "d component"]
) -> Float[Tensor, "position k"]:
    """For K = 0, 1, … components."""
    inside, centre = write @ basis, mean @ basis
    centred = inside - centre

    def growing(terms: Tensor) -> Tensor:
        return torch.cat([torch.zeros_like(terms[:, :1]), terms.cumsum(dim=1)], dim=1)

    inner = (write @ mean)[:, None] + growing(centred * inside)
    length = (mean @ mean + growing(2 * centre * centred + centred**2)).clamp_min(0).sqrt()
    # A write or a reconstruction of length zero points nowhere.
    return inner / (length * write.norm(dim=-1, keepdim=True)).clamp_min(torch.finfo(write.dtype).tiny)


def square_sums(
    model: Model, rows: Rows, means: Float[Tensor, "layer d"], bases: Float[Tensor, "layer d component"]
) -> Float[Tensor, "layer component"]:
    """Sums over positions, position 0 included, of (Δφ − mean)² along each direction of the layer's basis."""
    found = torch.zeros(bases.shape[::2], dtype=torch.float64, device=_working_device(model))

    def add(layer: int, _part: str, write: Tensor) -> None:
        found[layer] += ((write - means[layer].to(write)) @ bases[layer].to(write)).square().sum(dim=0)

    for ids in rows:
        _watch(model, ids, range(model.layers), WHOLE, add)
    return found


def low_rank_losses(
    model: Model,
    ids: Int[Tensor, "chunk position"],
    means: Float[Tensor, "layer d"],
    bases: Float[Tensor, "layer d component"] | Float[Tensor, "d component"],
    taken: Float[Tensor, " layer"] | None = None,
    start: int = 0,
) -> Float[Tensor, "chunk predicted"]:
    """Token losses in nats when every block l writes mean + P Pᵀ(Δφ(l) − mean) only (002, exp7 D).

    Δφ is what the block makes of the stream so changed in all blocks before it. One basis may serve all layers. Of what
    lies outside of P only the fraction `taken` is taken away; all of it where nothing is said. Positions before `start`
    write as they do.
    Raises SemphaseError naming the first layer after which the stream is not finite.
    """
    _require_components(0, bases)
    each = bases.expand(model.layers, *bases.shape[-2:])
    parts, ids = torch.ones(model.layers) if taken is None else taken, ids.to(model.device)
    means, each = means.to(model.device), each.to(model.device)
    with torch.no_grad(), _low_rank(model, means, each, parts.tolist(), start) as leaving:
        run_blocks(model, ids, torch.ones_like(ids))
        return token_losses(model, leaving[0], ids)


@contextmanager
def _low_rank(
    model: Model,
    means: Float[Tensor, "layer d"],
    bases: Float[Tensor, "layer d component"],
    taken: Sequence[float],
    start: int,
) -> Iterator[list[Tensor]]:
    """Every block writes less outside of its basis; the list holds what leaves the block that ran last."""
    leaving: list[Tensor] = []
    precision = torch.promote_types(model.dtype, torch.float32)

    def hook(layer: int) -> Callable[..., Any]:
        mean, basis = means[layer].to(precision), bases[layer].to(precision)

        def replace(_block: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> Any:
            entering = _entering(args, kwargs).to(precision)
            write = first_tensor(output).to(precision) - entering - mean
            kept = (write @ basis) @ basis.T
            changed = entering + mean + kept
            if taken[layer] < 1:
                changed += (1 - taken[layer]) * (write - kept)
            changed = changed.to(model.dtype)
            changed[:, :start] = first_tensor(output)[:, :start]
            if not bool(changed.isfinite().all()):
                raise SemphaseError(
                    f"the stream is not finite after block {layer} writes in {basis.shape[1]} components; check the "
                    "weights or choose a wider --dtype."
                )
            leaving[:] = [changed]
            return (changed, *output[1:]) if isinstance(output, tuple) else changed

        return replace

    with ExitStack() as hooks:
        for layer, block in enumerate(model.anatomy.blocks):
            hooks.callback(block.register_forward_hook(hook(layer), with_kwargs=True).remove)
        yield leaving


def group_labels(rows: Rows, groups: int) -> list[Int[Tensor, " _"]]:
    """The contiguous group of each position; `groups` for position 0 of every row, which is kept apart."""
    sizes = [len(row) for row in rows]
    labels = list((torch.arange(sum(sizes)) * groups // sum(sizes)).split(sizes))
    for label in labels:
        label[0] = groups
    return labels


def _watch(
    model: Model, ids: Int[np.ndarray, " position"], layers: Sequence[int], parts: Sequence[str], look: Look
) -> None:
    """One forward pass over a row, in which `look` sees every write of some layers, in float64."""
    work, entering = _working_device(model), [torch.empty(0)]

    def remember(_block: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        entering[0] = _entering(args, kwargs)

    def show(layer: int, part: str, write: Tensor) -> None:
        if not bool(write.isfinite().all()):
            raise SemphaseError(
                f"what block {layer} of {model.name} writes is not finite; check the weights or choose a wider --dtype."
            )
        look(layer, part, write[0])

    def hook(layer: int, part: str) -> Callable[..., None]:
        def read(_module: nn.Module, _args: Any, output: Any) -> None:
            write = write_of(output, entering[0]).to(work).double()
            show(layer, part, write - entering[0].to(work).double() if part == "all" else write)

        return read

    tokens = torch.from_numpy(np.array(ids))[None].to(model.device)
    with ExitStack() as hooks:
        for layer in layers:
            hooks.callback(model.anatomy.blocks[layer].register_forward_pre_hook(remember, with_kwargs=True).remove)
            for part in parts:
                module = _module(model, layer, part)
                hooks.callback(module.register_forward_hook(hook(layer, part)).remove)
        run_blocks(model, tokens, torch.ones_like(tokens))


def _module(model: Model, layer: int, part: str) -> nn.Module:
    """The module whose output is a part of the write, or for "all" the stream that leaves the block."""
    anatomy = model.anatomy
    return {"all": anatomy.blocks, "attention": anatomy.attention, "mlp": anatomy.mlp}[part][layer]


def _entering(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor:
    return first_tensor(args if args else kwargs["hidden_states"])


def _working_device(model: Model) -> torch.device:
    """Where float64 exists: the model's device, unless that is Apple's."""
    return torch.device("cpu") if model.device.type == "mps" else model.device


def _require_components(wanted: int, bases: Tensor) -> None:
    d, given = bases.shape[-2:]
    if max(wanted, given) > d or wanted > given:
        raise SemphaseError(f"{max(wanted, given)} components were asked of {d}; choose at most {min(d, given)}.")
