"""Where attention is changed: at an attention function of transformers' interface, else before the output projection.

Through the interface a change sees queries, keys and values. Of attention that computes inside transformers it sees what
the heads give, and can give something else (`AtProjection`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, NoReturn

import torch
from torch import Tensor, nn
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.masking_utils import sdpa_mask

from semphase.errors import SemphaseError, Unreachable
from semphase.measure.attention import Attending, Change, Changes, Outputs, softmax_outputs
from semphase.measure.streams import first_tensor
from semphase.models import Model
from semphase.models.probing import is_attention, passed, probe_tokens
from semphase.models.remembered import remembered
from semphase.tolerances import stream_tolerance

NAME = "semphase"


class Unkept(SemphaseError):
    """Attention that hands over more than is kept here."""


class _Seam:
    """The changes in force, by module, where they work, what makes the outputs of unchanged heads, and whose they are."""

    changes: Mapping[int, Change] = {}
    home: torch.device | None = None
    attend: Change = staticmethod(softmax_outputs)
    owner: object = None


class AtProjection(Attending):
    """What is seen of attention that computes inside transformers: the outputs of its heads, and nothing before them."""

    def __init__(self, module: nn.Module, outputs: Outputs) -> None:
        vars(self).update(module=module, outputs=outputs)

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("__"):
            raise AttributeError(name)
        raise Unreachable(
            "attention that computes inside transformers shows what its heads give, but no queries, keys and weights, so "
            "this cannot be changed or read; choose the sites head or attention, or a model of another family."
        )

    @property
    def rows(self) -> int:
        """How many texts there are."""
        return len(self.outputs)

    @property
    def like(self) -> Tensor:
        """A tensor of the outputs' dtype, on their device."""
        return self.outputs

    @property
    def heads(self) -> int:
        """Number of heads."""
        return self.outputs.shape[2]

    def outputs_of(self, heads: list[int]) -> Outputs:
        """The outputs of some heads."""
        return self.outputs[:, :, heads]

    def blank(self) -> Outputs:
        """Room for the outputs of all heads."""
        return torch.empty_like(self.outputs)

    def of_rows(self, rows: slice) -> Attending:
        """What some of the texts see."""
        return AtProjection(self.module, self.outputs[rows])


@dataclass(frozen=True, slots=True)
class Ways:
    """How the heads of a model are reached: by the interface, or by layer the path of the output projection in the block.

    `closed` says by layer why there is no way.
    """

    interface: bool
    projections: Mapping[int, str]
    closed: Mapping[int, str]

    @property
    def beside(self) -> bool:
        """Whether any attention computes inside transformers."""
        return not self.interface or bool(self.projections) or bool(self.closed)


@contextmanager
def attending(model: Model, changes: Changes, attend: Change = softmax_outputs) -> Iterator[None]:
    """Inside the block, the attention of the layers in `changes` gives what the changes return, others `attend`.

    Raises SemphaseError for a layer whose heads cannot be reached.
    """
    ways, owner = ways_of(model), object()
    inside: dict[int, Change] = {}
    before = _Seam.changes, _Seam.home, _Seam.attend, _Seam.owner
    with ExitStack() as stack:
        for layer, change in changes.items():
            if layer in ways.closed:
                raise _refused(model, ways.closed[layer])
            block = model.anatomy.blocks[layer]
            if layer in ways.projections:
                projection = block.get_submodule(ways.projections[layer])
                own = partial(_at_projection, model.heads, owner)
                stack.callback(projection.register_forward_pre_hook(own).remove)
                inside[id(projection)] = change
            else:
                inside.update((id(part), change) for part in block.modules())
        if ways.interface:
            stack.enter_context(_installed(model))
        _Seam.changes, _Seam.home, _Seam.attend, _Seam.owner = inside, model.module.device, attend, owner
        try:
            yield
        finally:
            _Seam.changes, _Seam.home, _Seam.attend, _Seam.owner = before


@contextmanager
def _installed(model: Model) -> Iterator[None]:
    config = model.module.config
    own = config._attn_implementation
    if own == NAME:
        yield
        return
    config._attn_implementation = NAME
    try:
        yield
    finally:
        config._attn_implementation = own


@remembered
def ways_of(model: Model) -> Ways:
    """Asked once for a model, by two short passes."""
    blocks = model.anatomy.blocks
    watched = {part: name for block in blocks for name, part in block.named_modules() if _may_project(name, part)}
    seen, _ = passed(model.module, [*watched, blocks[-1]], probe_tokens(model.module))
    calls = _calls(model, first_tensor(seen[blocks[-1]].gave)) if _takes_functions(model) else None
    projections, closed = {}, {}
    for layer, block in enumerate(blocks):
        heads = [] if calls is None else calls[layer]
        if heads:
            if why := _amiss(model, heads):
                closed[layer] = why
            continue
        inside = set(block.modules())
        ran = [part for part in seen if part in inside and part in watched]
        if ran and _of_heads(model, block, watched[ran[-1]], seen[ran[-1]].given):
            projections[layer] = watched[ran[-1]]
        else:
            closed[layer] = (
                "neither goes through transformers' attention interface nor ends in a projection of its heads"
            )
    return Ways(calls is not None, projections, closed)


def _amiss(model: Model, heads: list[int]) -> str | None:
    """Why heads cannot be changed at a block's calls of attention, which have so many."""
    if len(heads) > 1:
        return "is asked for more than once in a block"
    if heads[0] != model.heads:
        return f"has {heads[0]} heads in one of its blocks, and {model.heads} by its configuration"
    return None


def _calls(model: Model, wanted: Tensor) -> list[list[int]] | None:
    """By layer the numbers of heads of each call of attention; None where the interface does not hand over all there is.

    Then the last block gives something else than `wanted`, which comes of the family's own attention.
    """
    calls: list[list[int]] = [[] for _ in model.anatomy.blocks]
    last = model.anatomy.blocks[-1]
    try:
        with _counted(model, calls):
            seen, _ = passed(model.module, [last], probe_tokens(model.module))
    except Unkept:
        return None
    if wanted.dtype.itemsize < torch.float32.itemsize or not bool(wanted.isfinite().all()):
        return calls  # other roundings may choose other experts, and what is broken equals nothing
    close = stream_tolerance(str(wanted.dtype).removeprefix("torch."), model.layers, model.d_model)
    return calls if float((first_tensor(seen[last].gave) - wanted).norm()) <= close * float(wanted.norm()) else None


@contextmanager
def _counted(model: Model, calls: list[list[int]]) -> Iterator[None]:
    """Inside the block, the heads of calls of attention through the interface are noted by layer."""

    def counting(layer: int, seen: Attending) -> Outputs:
        calls[layer].append(seen.heads)
        return seen.outputs

    before = _Seam.changes
    with _installed(model):
        _Seam.changes = {
            id(part): partial(counting, layer)
            for layer, block in enumerate(model.anatomy.blocks)
            for part in block.modules()
        }
        try:
            yield
        finally:
            _Seam.changes = before


def _may_project(name: str, part: nn.Module) -> bool:
    weight = getattr(part, "weight", None)
    return is_attention(name) and isinstance(weight, Tensor) and weight.ndim == 2


def _of_heads(model: Model, block: nn.Module, path: str, given: Any) -> bool:
    """Is what enters a projection what the model's heads give, one beside the other?"""
    home = block.get_submodule(path.rpartition(".")[0])
    counts = [getattr(home, name) for name in COUNTS if isinstance(getattr(home, name, None), int)]
    fits = isinstance(given, Tensor) and given.ndim == 3 and given.shape[-1] % model.heads == 0
    counts = counts or [getattr(getattr(home, "config", None), "num_attention_heads", None)]
    return fits and counts[0] == model.heads


def _takes_functions(model: Model) -> bool:
    """transformers looks through all modules, and the answer stays."""
    config = model.module.config
    own = config._attn_implementation
    try:
        model.module.set_attn_implementation(NAME)
    except (ValueError, KeyError):
        return False
    took = config._attn_implementation == NAME
    model.module.set_attn_implementation(own)
    return bool(took)


COUNTS = ("num_v_heads", "num_heads", "num_attention_heads", "n_heads", "n_head")
"""What attention modules call the number of their heads; where values have a number of their own, it is that one."""
EXTRAS = ("position_bias", "indices")
"""What a few families hand to attention functions beside queries, keys and values: biases of scores, and chosen keys."""


def _refused(model: Model, why: str) -> Unreachable:
    return Unreachable(
        f"the attention of {model.name} ({model.family}) {why}, so its heads cannot be changed; choose a model of another "
        "family."
    )


def _at_projection(heads: int, owner: object, projection: nn.Module, args: tuple[Any, ...]) -> Any:
    if _Seam.owner is not owner:  # an inner block has changes of its own
        return None
    given: Tensor = args[0]
    outputs = given.unflatten(-1, (heads, -1)).to(_Seam.home)
    made = _Seam.changes[id(projection)](AtProjection(projection, outputs))
    return (made.flatten(2).to(given.device), *args[1:])


def _attend(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    dropout: float = 0.0,  # noqa: ARG001 - the interface passes it; models are in evaluation mode
    **other: Any,
) -> tuple[Tensor, None]:
    if extra := [name for name in EXTRAS if other.get(name) is not None]:
        raise Unkept(
            f"{type(module).__name__} adds {extra[0]} to its attention, which no change here keeps; choose a model of "
            "another family."
        )
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    sinks = other.get("s_aux")
    seen = Attending(module, query, key, value, attention_mask, scale, other.get("softcap"), _Seam.attend, sinks)
    change = _Seam.changes.get(id(module))
    if change is None:
        return seen.outputs.contiguous(), None
    return change(seen if _Seam.home is None else seen.on(_Seam.home)).to(query.device).contiguous(), None


AttentionInterface.register(NAME, _attend)
# Without a mask function of its own, an attention function is silently not causal.
AttentionMaskInterface.register(NAME, sdpa_mask)
