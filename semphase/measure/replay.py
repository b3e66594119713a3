"""Replay instead of rerun: a change in layer k leaves the stream that enters layer k alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from semphase.measure.attention import Attending, Change, Changes, Outputs, attending, softmax_outputs
from semphase.measure.losses import token_losses
from semphase.measure.shelf import Shelf
from semphase.measure.streams import first_tensor
from semphase.models import Model

Stream = Float[Tensor, "chunk position d"]
Losses = Float[Tensor, "chunk predicted"]
Read = Callable[[Stream, Int[Tensor, "chunk position"]], Losses]
"""From what leaves the last block, and the text, to token losses."""
MEMORY = 4 * 2**30


class Replay:
    """The streams of some chunks of text under the changes in force, from which other changes are replayed.

    No change is in force at first. Another one is evaluated from the first layer at which it differs. Streams that
    do not fit into `memory` bytes lie in a temporary file: use it in a `with` block. Chunks have the same length.
    """

    def __init__(self, model: Model, ids: Int[Tensor, "chunk position"], memory: int = MEMORY) -> None:
        self.model = model
        self.ids = ids.to(model.device)
        self.changes: dict[int, Change] = {}
        self._read: Read = partial(token_losses, model)
        self._attend: Change = softmax_outputs
        self._calls = _block_calls(model, self.ids[:1])
        self._streams = Shelf(
            model.layers,
            (*ids.shape, model.d_model),
            dtype=model.dtype,
            device=model.device,
            memory=memory,
            what=f"the residual streams of {ids.numel()} tokens",
        )
        try:
            self._last = self._run(0, _embedded(model, self.ids), {}, keep=True)
            self.in_force = self._losses(self._last, self.ids)
        except BaseException:
            self._streams.close()
            raise

    def __enter__(self) -> Replay:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the memory and the temporary file back."""
        self._streams.close()

    def read_by(self, read: Read) -> None:
        """Read losses in another way from now on; those in force are read anew."""
        self._read = read
        self.in_force = self._losses(self._last, self.ids)

    def attend_by(self, attend: Change) -> None:
        """Make the outputs of unchanged heads in another way in what is run from now on; probes stay exact."""
        self._attend = attend

    def stream(self, layer: int) -> Stream:
        """What enters a block under the changes in force; for the number of layers, what leaves the last one."""
        return self._last if layer == self.model.layers else self._streams[layer]

    def outputs(self, layer: int) -> Outputs:
        """The outputs of a layer's heads under the changes in force."""
        return self.probe(layer, self.changes.get(layer, _unchanged))

    def probe(self, layer: int, look: Callable[[Attending], Tensor]) -> Tensor:
        """What `look` returns of what a layer's attention sees under the changes in force."""
        found: list[Tensor] = []

        def change(seen: Attending) -> Outputs:
            found.append(look(seen))
            raise _Seen

        with torch.no_grad(), attending(self.model, {layer: change}), suppress(_Seen):
            self._through(layer, self.stream(layer))
        return found[0]

    def losses(self, changes: Changes) -> Losses:
        """Token losses in nats under other changes; those in force stay."""
        start = self._first_difference(changes)
        return self._losses(self._run(start, self.stream(start), changes), self.ids)

    def with_outputs(
        self, layer: int, outputs: Float[Tensor, "copy chunk position head d_head"]
    ) -> Float[Tensor, "run predicted"]:
        """Token losses, [copy · chunk, predicted], when a layer's heads give `outputs`; copies are run together."""
        copies, flat = len(outputs), outputs.flatten(0, 1)
        changes = {**self.changes, layer: lambda _seen: flat}
        stream = self._run(layer, self.stream(layer).repeat(copies, 1, 1), changes)
        return self._losses(stream, self.ids.repeat(copies, 1))

    def move(self, changes: Changes) -> Losses:
        """Put other changes in force, from the first layer at which they differ; returns the token losses."""
        start = self._first_difference(changes)
        self._last = self._run(start, self.stream(start), changes, keep=True)
        self.changes = dict(changes)
        self.in_force = self._losses(self._last, self.ids)
        return self.in_force

    def _first_difference(self, changes: Changes) -> int:
        layers = sorted({*changes, *self.changes})
        return next((k for k in layers if changes.get(k) != self.changes.get(k)), self.model.layers)

    def _run(self, start: int, stream: Stream, changes: Changes, *, keep: bool = False) -> Stream:
        with torch.no_grad(), attending(self.model, changes, self._attend):
            for layer in range(start, self.model.layers):
                if keep:
                    self._streams[layer] = stream
                stream = self._through(layer, stream)
        return stream

    def _through(self, layer: int, stream: Stream) -> Stream:
        """What leaves a block."""
        args, kwargs = self._calls[layer]
        return first_tensor(self.model.anatomy.blocks[layer](stream, *args, **kwargs))

    def _losses(self, stream: Stream, ids: Tensor) -> Losses:
        with torch.no_grad():
            return self._read(stream, ids)


def stream_bytes(model: Model, tokens: int) -> int:
    """Memory that the streams kept of so many tokens take, all layers together."""
    return tokens * model.layers * model.d_model * model.dtype.itemsize


class _Seen(Exception):
    pass


def _unchanged(seen: Attending) -> Outputs:
    return seen.outputs


def _block_calls(model: Model, ids: Int[Tensor, "one position"]) -> list[tuple[tuple[Any, ...], dict[str, Any]]]:
    """The arguments beside the stream that each block is called with.

    Recorded for one chunk, so that they broadcast over any number, and without a cache: a live one would grow by
    a chunk's keys at every replay. The blocks are called but not run, except the first, which shows what they return.
    """
    calls: list[tuple[tuple[Any, ...], dict[str, Any]]] = []
    returned: list[type] = []

    def standing_in(own: Callable[..., Any]) -> Callable[..., Any]:
        def record(*args: Any, **kwargs: Any) -> Any:
            stream = first_tensor(args if args else kwargs["hidden_states"])
            calls.append((args[1:], {name: value for name, value in kwargs.items() if name != "hidden_states"}))
            if not returned:
                returned.append(type(own(*args, **kwargs)))
            return (stream,) if issubclass(returned[0], tuple) else stream

        return record

    with ExitStack() as stack, torch.no_grad(), attending(model, {}):
        for block in model.anatomy.blocks:
            stack.enter_context(_replaced(block, standing_in(block.forward)))
        model.module.base_model(input_ids=ids, use_cache=False)
    return calls


@contextmanager
def _replaced(block: nn.Module, forward: Callable[..., Any]) -> Iterator[None]:
    own = vars(block).get("forward")  # absent where the class's serves
    block.forward = forward
    try:
        yield
    finally:
        del block.forward
        if own is not None:
            block.forward = own


def _embedded(model: Model, ids: Int[Tensor, "chunk position"]) -> Stream:
    """The stream that enters the first block."""
    found: list[Tensor] = []

    def leave(_block: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        found.append(first_tensor(args if args else kwargs["hidden_states"]))
        raise _Seen

    handle = model.anatomy.blocks[0].register_forward_pre_hook(leave, with_kwargs=True)
    try:
        with torch.no_grad(), suppress(_Seen):
            model.module.base_model(input_ids=ids, use_cache=False)
    finally:
        handle.remove()
    return found[0]
