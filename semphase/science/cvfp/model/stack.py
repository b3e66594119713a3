"""Blocks of one shape side by side: their parameters in one array, and both passes as batched products.

Several trainings that differ in their start alone take every step together. The passes are written out, since autograd
keeps and adds what is not needed here, and a step on few tokens is over sooner than its bookkeeping.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from semphase.science.cvfp.model.architecture import Layer

Flat = Float[Tensor, "member parameter"]
Outputs = Float[Tensor, "member token out"]


def flat(blocks: Sequence[nn.Module]) -> Flat:
    """The parameters of several blocks of one shape, a row for each."""
    return torch.stack([parameters_to_vector(block.parameters()).detach() for block in blocks])


def unstacked(block: nn.Module, row: Float[Tensor, " parameter"]) -> None:
    """Give a block the parameters of a row."""
    vector_to_parameters(row, block.parameters())


@dataclass(frozen=True, slots=True, eq=False)
class LayerArrays:
    """Parameters of a layer, or their gradients, as views of rows: weights [member, out, given], the rest [member, 1, out].

    `project` and its shift are None where the width stays.
    """

    mix: Tensor
    mix_shift: Tensor
    project: Tensor | None
    project_shift: Tensor | None
    gain: Tensor
    shift: Tensor


@dataclass(frozen=True, slots=True, eq=False)
class Pass:
    """What the way back needs of a layer's way forth, each [member, token, …] or [token, …] where members share it."""

    before: Tensor | None
    x: Tensor
    lifted: Tensor
    summed: Tensor
    unit: Tensor
    mean: Tensor
    rstd: Tensor


class StackedLayer:
    """One layer of all members: `architecture.Layer` on [member, token, width], and its gradient."""

    def __init__(self, layer: Layer, values: LayerArrays, slopes: LayerArrays) -> None:
        self.values, self.slopes = values, slopes
        self.out = layer.mix.out_features
        self.eps = layer.norm.eps

    def forward(self, x: Tensor, before: Tensor | None = None, given: Outputs | None = None) -> tuple[Outputs, Pass]:
        """The next x, from W [before; x; …]: `given` is what further inputs add to the product, and is overwritten."""
        own = self.values
        mixed = own.mix_shift if given is None else given.add_(own.mix_shift)
        start = 0
        if before is not None:
            start = before.shape[-1]
            mixed = torch.baddbmm(mixed, _each(before, own.mix), own.mix[:, :, :start].mT)
        lifted = torch.baddbmm(mixed, _each(x, own.mix), own.mix[:, :, start : start + x.shape[-1]].mT).relu_()
        if own.project is None or own.project_shift is None:
            summed = x + lifted
        else:
            summed = torch.baddbmm(own.project_shift, _each(x, own.mix), own.project.mT).add_(lifted)
        unit, mean, rstd = torch.native_layer_norm(summed, (self.out,), None, None, self.eps)
        return torch.addcmul(own.shift, unit, own.gain), Pass(before, x, lifted, summed, unit, mean, rstd)

    def backward(self, slope: Outputs, found: Pass) -> tuple[Outputs, Outputs]:
        """Adds to the gradients, but not to that of W's further inputs; the slopes of the sum and of the product.

        `slope`, that of the output, is overwritten.
        """
        own = self.slopes
        own.gain.add_((slope * found.unit).sum(dim=1, keepdim=True))
        own.shift.add_(slope.sum(dim=1, keepdim=True))
        scaled = slope.mul_(self.values.gain)
        summed, _, _ = torch.ops.aten.native_layer_norm_backward(
            scaled, found.summed, (self.out,), found.mean, found.rstd, None, None, (True, False, False)
        )
        mixed = torch.ops.aten.threshold_backward(summed, found.lifted, 0)
        own.mix_shift.add_(mixed.sum(dim=1, keepdim=True))
        start = 0
        if found.before is not None:
            start = found.before.shape[-1]
            own.mix[:, :, :start].baddbmm_(mixed.mT, _each(found.before, mixed))
        own.mix[:, :, start : start + found.x.shape[-1]].baddbmm_(mixed.mT, _each(found.x, mixed))
        if own.project is not None and own.project_shift is not None:
            own.project.baddbmm_(summed.mT, _each(found.x, mixed))
            own.project_shift.add_(summed.sum(dim=1, keepdim=True))
        return summed, mixed

    def slope_of_x(self, found: Pass, summed: Outputs, mixed: Outputs) -> Float[Tensor, "member token width"]:
        """The slope of x, from what `backward` gives."""
        own, start = self.values, 0 if found.before is None else found.before.shape[-1]
        direct = summed if own.project is None else torch.bmm(summed, own.project)
        return torch.baddbmm(direct, mixed, own.mix[:, :, start : start + found.x.shape[-1]])


def stacked_layers(layers: nn.ModuleList, values: Flat, slopes: Flat) -> list[StackedLayer]:
    """The layers of blocks whose parameters are the rows of `values`; gradients are added to `slopes`."""
    places = _places(layers)
    made = []
    for layer in layers:
        assert isinstance(layer, Layer)
        shapes = {name: parameter.shape for name, parameter in layer.named_parameters()}
        spans = {name: next(places) for name in shapes}
        made.append(StackedLayer(layer, *(_arrays(rows, spans, shapes) for rows in (values, slopes))))
    return made


def _places(layers: nn.ModuleList) -> Iterator[slice]:
    """Where each parameter lies in a row, in the order of `parameters`."""
    end = 0
    for parameter in layers.parameters():
        yield slice(end, end + parameter.numel())
        end += parameter.numel()


def _arrays(rows: Flat, spans: dict[str, slice], shapes: dict[str, torch.Size]) -> LayerArrays:
    def view(name: str) -> Tensor:
        shape = shapes[name] if len(shapes[name]) == 2 else (1, *shapes[name])
        return rows[:, spans[name]].view(len(rows), *shape)

    projects = "project.weight" in spans
    return LayerArrays(
        view("mix.weight"),
        view("mix.bias"),
        view("project.weight") if projects else None,
        view("project.bias") if projects else None,
        view("norm.weight"),
        view("norm.bias"),
    )


def _each(x: Tensor, like: Tensor) -> Tensor:
    """[member, token, …] of what members may share."""
    return x if x.ndim == 3 else x.expand(len(like), *x.shape)
