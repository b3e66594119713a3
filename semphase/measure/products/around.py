"""Matrix products of what changed alone: the unchanged model's stay in full precision.

A changed head alters the input x of every later product W x a little. From the unchanged model's x₀ and W x₀, kept in
full precision, W x = W x₀ + W (x − x₀), and only the second product is made in some arithmetic that is faster
(`screening.rounded`, `split_products`). Its error is a share of the change, and vanishes with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any, Protocol

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D

from semphase.measure.blocks import BlockChanges
from semphase.measure.replay import Replay
from semphase.models import Model
from semphase.models.twin import twin


class Factor(Protocol):
    """A weight matrix, or several one below the other, in an arithmetic."""

    def added(
        self, there: Float[Tensor, "token d_out"], change: Float[Tensor, "copy token d_in"]
    ) -> Float[Tensor, "copy token d_out"]:
        """`there` plus the products with a change, which may be overwritten."""


Arithmetic = Callable[[Float[Tensor, "d_out d_in"]], Factor]


@dataclass(frozen=True, slots=True, eq=False)
class Around:
    """Products with one input around its unchanged value `at`, where they give `there`."""

    weight: Factor
    at: Float[Tensor, "token d_in"]
    there: Float[Tensor, "token d_out"]

    def fits(self, x: Tensor) -> bool:
        """Is this a number of copies of the chunks?"""
        return x.shape[-1] == self.at.shape[-1] and x.numel() % self.at.numel() == 0

    def product(self, x: Float[Tensor, "*copied d_in"]) -> Float[Tensor, "*copied d_out"]:
        """The products with an altered input, of any number of copies of the chunks, one copy after the other."""
        change = x.reshape(-1, *self.at.shape) - self.at
        return self.weight.added(self.there, change).view(*x.shape[:-1], -1)


class ModelAround:
    """A model whose blocks multiply in another arithmetic once they have been `recorded`; parameters are the model's own."""

    def __init__(self, model: Model, arithmetic: Arithmetic) -> None:
        self.arithmetic = arithmetic
        self.model = twin(model)
        self._pass = _Pass()
        self._weights: dict[tuple[_Product, ...], tuple[list[int], Factor]] = {}
        self._products: list[_Product] = []
        self._recording = object()
        stand_ins: dict[nn.Module, nn.Module] = {}
        for parent, name, part in products(self.model):
            stand_ins[part] = product = _Product(part, self._pass)
            self._products.append(product)
            setattr(parent, name, product)
        # Hooks belong on what runs from now on.
        self.model = replace(self.model, anatomy=self.model.anatomy.exchanged(stand_ins))

    @property
    def ready(self) -> bool:
        """Are weights in the other arithmetic there already?"""
        return bool(self._weights)

    @contextmanager
    def recorded(self) -> Iterator[object]:
        """Inside the block products are the model's own; later ones are made around the last input that each took there.

        What was recorded before is given up. Yields what `forget` knows the recording by.
        """
        self._let_go()
        self._recording = recording = object()
        calls: dict[_Product, _Call] = {}
        self._pass.calls = calls
        try:
            yield recording
        finally:
            self._pass.calls = None
        for same in [tuple(same) for _, same in groupby(calls, key=lambda product: id(calls[product][0]))]:
            self._gather(same, [calls.pop(product) for product in same])

    def forget(self, recording: object) -> None:
        """Let go of what a recording keeps, unless a later one has taken its place."""
        if recording is self._recording:
            self._let_go()

    def _let_go(self) -> None:
        self._pass.forget()
        for product in self._products:
            product.shared = None

    def _gather(self, same: tuple[_Product, ...], calls: list[_Call]) -> None:
        """Consecutive products with one input become one product."""
        there = torch.cat([result.flatten(0, -2) for _, result in calls], dim=-1)
        around = Around(self._weight(same), calls[0][0].flatten(0, -2), there)
        widths = [result.shape[-1] for _, result in calls]
        for place, product in enumerate(same):
            product.shared = _Shared(around, widths, place)

    def _weight(self, same: tuple[_Product, ...]) -> Factor:
        """The weights of some products together, made anew where somebody has written into one of them since."""
        rows = [_rows(product.exact).detach() for product in same]
        versions = [own._version for own in rows]
        if same not in self._weights or self._weights[same][0] != versions:
            self._weights[same] = versions, self.arithmetic(torch.cat(rows))
        return self._weights[same][1]


_Call = tuple[Tensor, Tensor]
"""A product's input and result."""


@dataclass(frozen=True, slots=True, eq=False)
class _Shared:
    around: Around
    widths: list[int]
    place: int


class _Pass:
    """What the products of a pass have in common; it does not know them, so that they go as soon as nobody does."""

    calls: dict[_Product, _Call] | None = None
    """Exact products, in the order of their last calls, while they are recorded."""
    _last: tuple[Around, Tensor, tuple[Tensor, ...]] | None = None

    def forget(self) -> None:
        """A pass that ended early leaves products behind that nobody asks for."""
        self._last = None

    def around(self, shared: _Shared, x: Tensor) -> Tensor:
        """One product with x; those that share their input are made together, by the first of them."""
        around, place = shared.around, shared.place
        if self._last is None or self._last[0] is not around or self._last[1] is not x:
            self._last = around, x, around.product(x).split(shared.widths, dim=-1)
        parts = self._last[2]
        if place == len(parts) - 1:
            self._last = None
        return parts[place]


class _Product(nn.Module):
    """What stands in a block for one of its products."""

    def __init__(self, exact: nn.Module, common: _Pass) -> None:
        super().__init__()
        self.exact, self.common = exact, common
        self.shared: _Shared | None = None

    @property
    def weight(self) -> Tensor:
        """Its matrix."""
        return self.exact.weight  # type: ignore[return-value]

    def forward(self, x: Tensor) -> Any:
        calls = self.common.calls
        if calls is None and self.shared is not None and self.shared.around.fits(x):
            return self.common.around(self.shared, x)
        found = self.exact(x)
        if calls is not None and isinstance(found, Tensor):  # routers of some families give more than a product
            calls.pop(self, None)  # a later call moves to the end
            calls[self] = x, found.clone()  # some families add to it in place
        return found


class ReplayAround(Replay):
    """A replay whose products are made around those of its own text, which go when it is closed.

    With another one of the same `ModelAround` alive, the older one multiplies around what the newer one recorded, which
    costs it accuracy, or exactly.
    """

    def __init__(
        self, around: ModelAround, ids: Int[Tensor, "chunk position"], memory: int, changes: BlockChanges | None = None
    ) -> None:
        self._around = around
        with around.recorded() as self._recording:
            super().__init__(around.model, ids, memory)
            if changes:
                self.move(changes)

    def close(self) -> None:
        """Give back what was recorded as well."""
        super().close()
        self._around.forget(self._recording)


def kept_bytes(model: Model, tokens: int) -> int:
    """Memory that inputs and results of all products of a text of so many tokens take, at most."""
    return tokens * model.dtype.itemsize * sum(sum(_rows(part).shape) for *_, part in products(model))


def multiplied_bytes(model: Model) -> int:
    """Memory that the weights of all products take."""
    return model.dtype.itemsize * sum(_rows(part).numel() for *_, part in products(model))


def products(model: Model) -> list[tuple[nn.Module, str, nn.Module]]:
    """The matrix products of all blocks: where each is, its name there, and itself."""
    return [
        (parent, name, part)
        for block in model.anatomy.blocks
        for parent in block.modules()
        for name, part in parent.named_children()
        if isinstance(part, nn.Linear | Conv1D)
    ]


def _rows(product: nn.Module) -> Float[Tensor, "d_out d_in"]:
    weight = product.weight
    assert isinstance(weight, Tensor)
    return weight.T if isinstance(product, Conv1D) else weight
