"""A model's blocks, run one at a time, and the places in and around a block where something may happen.

Attention is changed through the seam of `semphase.measure.attention`; the other places are hooks on the parts that
`semphase.models.Anatomy` names.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, long, nn, no_grad, zeros

from semphase.errors import SemphaseError
from semphase.measure.attention import Change
from semphase.measure.seam import attending
from semphase.measure.streams import first_tensor
from semphase.models import Model, write_of
from semphase.models.memory import lacks_memory
from semphase.models.probing import REFUSALS, passed, probe_tokens
from semphase.models.remembered import remembered
from semphase.tolerances import stream_tolerance

Stream = Float[Tensor, "chunk position d"]
Work = Callable[[Tensor], Tensor]
"""From values [chunk, position, …] to values of the same shape."""
EMBEDDING = -1
"""The place before the first block: there, `entering` is what the token embedding gives."""


@dataclass(frozen=True, eq=False)
class BlockChange:
    """What happens in one block; two of the same key are equal, since the same things happen there.

    `entering` works on the stream before the block. After the last block, under the number of blocks, it works on
    what leaves it. `attention` is a change at the seam. A skipped block passes the stream through.
    """

    key: Hashable
    entering: Work | None = None
    attention: Change | None = None
    attention_write: Work | None = None
    neurons: Work | None = None
    mlp_write: Work | None = None
    skipped: bool = False

    def __eq__(self, other: object) -> bool:
        return isinstance(other, BlockChange) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)


BlockChanges = Mapping[int, Change | BlockChange]
"""Changes by layer, −1 for the embedding; a bare change is one of attention."""


def attention_changes(changes: BlockChanges) -> dict[int, Change]:
    """What happens at the seam."""
    inside = {layer: attention_of(change) for layer, change in changes.items()}
    return {layer: change for layer, change in inside.items() if change is not None}


def attention_of(change: Change | BlockChange | None) -> Change | None:
    """What a change does at the seam."""
    return change.attention if isinstance(change, BlockChange) else change


def entered(change: Change | BlockChange | None, stream: Stream) -> Stream:
    """The stream that a block works on."""
    if isinstance(change, BlockChange) and change.entering is not None:
        return change.entering(stream)
    return stream


class Blocks:
    """The blocks of a model on tokens of one width; the changes of attention are put in force by the caller.

    Raises SemphaseError for a model whose blocks take anything from each other beside the stream.
    """

    def __init__(self, model: Model, ids: Int[Tensor, "one position"]) -> None:
        self.model, self._ids = model, ids
        self._broadcast = broadcasts(model)
        self.calls = block_calls(model, ids)
        self._of_rows: tuple[int, list[Call]] = 1, self.calls

    def through(self, layer: int, stream: Stream, change: Change | BlockChange | None = None) -> Stream:
        """What leaves a block that `stream` enters."""
        stream = entered(change, stream)
        if not isinstance(change, BlockChange):
            return self._plain(layer, stream)
        if change.skipped:
            return stream
        with _hooked(self.model, layer, change, stream):
            return self._plain(layer, stream)

    def _plain(self, layer: int, stream: Stream) -> Stream:
        return run_block(self.model, layer, stream, self._calls(len(stream))[layer])

    def _calls(self, rows: int) -> list[Call]:
        """Those of one row, unless the family makes some for each; none depends on what the rows say."""
        if self._broadcast:
            return self.calls
        if self._of_rows[0] != rows:
            self._of_rows = rows, block_calls(self.model, self._ids.expand(rows, -1))
        return self._of_rows[1]


def embedded(model: Model, ids: Int[Tensor, "chunk position"], change: Change | BlockChange | None = None) -> Stream:
    """The stream that enters the first block, positions added; `change` is of what the token embedding gives."""
    found: list[Tensor] = []

    def leave(_block: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        found.append(first_tensor(args if args else kwargs["hidden_states"]))
        raise Seen

    with ExitStack() as hooks:
        hooks.callback(model.anatomy.blocks[0].register_forward_pre_hook(leave, with_kwargs=True).remove)
        hooks.callback(model.anatomy.embed.register_forward_hook(partial(_embedding_hook, change)).remove)
        hooks.enter_context(suppress(Seen))
        model.module.base_model(input_ids=ids, use_cache=False)
    return found[0]


@contextmanager
def under(model: Model, changes: BlockChanges) -> Iterator[None]:
    """Inside the block, whole passes of the model go under these changes, but for those of attention."""
    with ExitStack() as stack:
        for layer, change in changes.items():
            if layer == EMBEDDING:
                embed = model.anatomy.embed.register_forward_hook(partial(_embedding_hook, change))
                stack.callback(embed.remove)
            elif layer == model.layers:
                norm = model.anatomy.final_norm.register_forward_pre_hook(partial(_norm_hook, change))
                stack.callback(norm.remove)
            elif isinstance(change, BlockChange):
                block = model.anatomy.blocks[layer]
                stack.enter_context(_replaced(block, _changed(model, layer, change, block.forward)))
        yield


def _embedding_hook(change: Change | BlockChange | None, _part: nn.Module, _args: Any, output: Tensor) -> Tensor:
    return entered(change, output)


def _norm_hook(change: Change | BlockChange, _part: nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...]:
    return (entered(change, args[0]), *args[1:])


def _changed(model: Model, layer: int, change: BlockChange, own: Callable[..., Any]) -> Callable[..., Any]:
    """A block's forward with what happens in it."""

    def forward(*args: Any, **kwargs: Any) -> Any:
        if args:
            stream, rest = args[0], args[1:]
        else:
            stream, rest = kwargs.pop("hidden_states"), ()
        stream = entered(change, stream)
        if change.skipped:
            return _passed_through(model, stream)
        with _hooked(model, layer, change, stream):
            return own(stream, *rest, **kwargs)

    return forward


class Seen(Exception):
    """What was wanted has been seen, and the rest of the pass is not needed."""


@contextmanager
def _hooked(model: Model, layer: int, change: BlockChange, stream: Stream) -> Iterator[None]:
    """Inside the block, the writes and neurons of a layer go through the change; each of them has to come by."""
    missed: list[str] = []
    with ExitStack() as hooks:
        for name, parts, work in (
            ("attention", model.anatomy.attention, change.attention_write),
            ("neurons", model.anatomy.neurons, change.neurons),
            ("mlp", model.anatomy.mlp, change.mlp_write),
        ):
            if work is not None:
                missed.append(name)
                seen = partial(missed.remove, name)
                own = _entering_hook if name == "neurons" else _writing_hook
                hooks.callback(own(parts[layer], work, stream, seen))
        yield
    if missed:
        raise SemphaseError(
            f"block {layer} of {model.name} ({model.family}) does not pass by its {missed[0]}, or more than once, so "
            "nothing can be read or changed there; choose another site."
        )


def _writing_hook(part: nn.Module, work: Work, stream: Stream, seen: Callable[[], None]) -> Callable[[], None]:
    """Let a part's output go through `work`, where the stream is; returns what takes the hook off."""

    def hook(_part: nn.Module, _args: Any, output: Any) -> Any:
        seen()
        own = first_tensor(output)
        made = work(write_of(output, stream).to(stream.device)).reshape(own.shape).to(own.device)
        return (made, *output[1:]) if isinstance(output, tuple) else made

    return part.register_forward_hook(hook).remove


def _entering_hook(part: nn.Module, work: Work, stream: Stream, seen: Callable[[], None]) -> Callable[[], None]:
    """The same with a part's input; some families flatten the batch."""

    def hook(_part: nn.Module, args: tuple[Any, ...]) -> Any:
        seen()
        own: Tensor = args[0]
        made = work(own.reshape(*stream.shape[:2], -1).to(stream.device))
        return (made.reshape(own.shape).to(own.device), *args[1:])

    return part.register_forward_pre_hook(hook).remove


Call = tuple[tuple[Any, ...], dict[str, Any]]


def block_calls(model: Model, ids: Int[Tensor, "row position"]) -> list[Call]:
    """The arguments beside the stream that each block is called with.

    Those of one chunk broadcast over any number in most families. Recorded without a cache: a live one would grow by a
    chunk's keys at every replay. The blocks are called but not run.
    """
    calls: list[Call] = []
    returned_parts(model)  # found out before the blocks are stood in for

    def record(*args: Any, **kwargs: Any) -> Any:
        stream = first_tensor(args if args else kwargs["hidden_states"])
        calls.append((args[1:], {name: value for name, value in kwargs.items() if name != "hidden_states"}))
        return _passed_through(model, stream)

    with ExitStack() as stack, no_grad(), attending(model, {}):
        for block in model.anatomy.blocks:
            stack.enter_context(_replaced(block, record))
        model.module.base_model(input_ids=ids, use_cache=False)
    return calls


def _passed_through(model: Model, stream: Stream) -> Any:
    """The stream as a block of the family would return it, with nothing beside it."""
    parts = returned_parts(model)
    return stream if parts is None else (stream, *[None] * (parts - 1))


@remembered
def returned_parts(model: Model) -> int | None:
    """Of how many parts the tuple is that a family's blocks return; None where they return a tensor."""
    found: list[int | None] = []

    def leave(_block: nn.Module, _args: Any, output: Any) -> None:
        found.append(len(output) if isinstance(output, tuple) else None)
        raise Seen

    with ExitStack() as hooks, no_grad(), attending(model, {}):
        hooks.callback(model.anatomy.blocks[0].register_forward_hook(leave).remove)
        hooks.enter_context(suppress(Seen))
        model.module.base_model(input_ids=zeros(1, 1, dtype=long, device=model.device), use_cache=False)
    return found[0]


def run_block(model: Model, layer: int, stream: Stream, call: Call) -> Stream:
    """What leaves a block."""
    args, kwargs = call
    return first_tensor(model.anatomy.blocks[layer](stream, *args, **kwargs))


@remembered
def broadcasts(model: Model) -> bool:
    """Do the arguments beside the stream that blocks get for one row serve any number of rows?

    Tried once for a model, on a short text, with the arguments of another; where memory holds no second row, they serve
    one. SemphaseError where blocks that run one by one do not give what the model does.
    """
    tokens = probe_tokens(model.module)
    try:
        return _rows_served(model, torch.cat([tokens, tokens.flip(1)])) == 1
    except (RuntimeError, MemoryError) as error:
        if not lacks_memory(error):
            raise
    _rows_served(model, tokens)
    return False


def _rows_served(model: Model, ids: Int[Tensor, "row position"]) -> int:
    """For how few rows arguments are made that serve all of these."""
    first, last = model.anatomy.blocks[0], model.anatomy.blocks[-1]
    with no_grad(), attending(model, {}):
        seen, _ = passed(model.module, (first, last), ids)
        wanted = first_tensor(seen[last].gave)
        if not bool(wanted.isfinite().all()):
            return 1  # broken weights: the measurement names the layer and the prompt
        for rows in range(1, len(ids) + 1):
            if _gives(model, ids.roll(1, dims=1)[:rows], seen[first].given, wanted):
                return rows
    raise SemphaseError(
        f"the blocks of {model.name} ({model.family}) take more from each other than the stream, so they cannot be run one "
        "by one; choose a model of another family."
    )


def _gives(model: Model, ids: Int[Tensor, "row position"], stream: Stream, wanted: Stream) -> bool:
    """Do the blocks, called as for these tokens, make the one stream of the other, and leave nothing for each other?"""
    try:
        calls = block_calls(model, ids)
        before = _left(calls)
        for layer, call in enumerate(calls):
            stream = run_block(model, layer, stream, call)
    except REFUSALS as error:
        if lacks_memory(error):
            raise
        return False
    close = stream_tolerance(str(model.dtype).removeprefix("torch."), model.layers, model.d_model)
    return _left(calls) == before and float((stream - wanted).norm()) <= close * float(wanted.norm())


def _left(calls: Sequence[Call]) -> list[set[Hashable]]:
    """What lies in the mappings that all blocks are given, where some leave keys and values for others."""
    return [set(own) for _, kwargs in calls for own in kwargs.values() if isinstance(own, Mapping)]


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
