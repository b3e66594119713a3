"""What edits leave to be done: heads that are not computed, and heads that need a running state instead of keys."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from semphase.measure import kernels
from semphase.measure.attention import Attending, Outputs
from semphase.measure.edit_base import Edit
from semphase.measure.edits import Zeroed
from semphase.measure.generating.cache import KeysAndValues, RunningState
from semphase.measure.generating.now import FamilyMask, Now
from semphase.measure.generating.one_query import attend
from semphase.measure.positions import ALL
from semphase.measure.sites import HEADED, Shape
from semphase.measure.wiring import Form, HiddenKeys, Keys

LINEAR = "identity"
"""The form of attention that is a product of φ(q) and φ(k), so that past keys enter by one sum alone."""


@dataclass(frozen=True, slots=True)
class Lightened:
    """Heads of one layer that are 0 everywhere, and heads whose weights are their scores."""

    removed: frozenset[int]
    linear: frozenset[int]


def lightened(edits: Iterable[Edit], shape: Shape) -> dict[int, Lightened]:
    """The layers whose attention is changed by nothing but removing heads and making others linear."""
    removed: dict[int, set[int]] = defaultdict(set)
    linear: dict[int, set[int]] = defaultdict(set)
    others: set[int] = set()
    for edit in edits:
        if isinstance(edit, Zeroed) and edit.site.kind == "head" and edit.site.positions is ALL:
            for layer, heads in edit.site.chosen(shape).items():
                removed[layer].update(heads)
        elif isinstance(edit, Form) and edit.form == LINEAR:
            for layer, heads in edit.site.chosen(shape).items():
                linear[layer].update(heads)
        elif isinstance(edit, Form | HiddenKeys | Keys) or any(site.kind in HEADED for site in edit.sites):
            others.update(edit.touched(shape))
    return {
        layer: Lightened(frozenset(removed[layer]), frozenset(linear[layer] - removed[layer]))
        for layer in sorted({*removed, *linear} - others)
    }


@dataclass(frozen=True, slots=True)
class Present:
    """The heads that a layer's projections make, by the numbers they have in the model, and those not computed."""

    heads: tuple[int, ...]
    key_heads: tuple[int, ...]
    group: int
    removed: frozenset[int]
    linear: frozenset[int]

    def key_of(self, place: int) -> int:
        """The place of the key head that the head at a place uses."""
        return self.key_heads.index(self.heads[place] // self.group)

    @property
    def linear_places(self) -> list[int]:
        """Where the linear heads stand."""
        return [place for place, head in enumerate(self.heads) if head in self.linear]

    @property
    def softmax_places(self) -> Mapping[int, list[int]]:
        """Where the heads with softmax stand, by the place of their key head."""
        found: dict[int, list[int]] = defaultdict(list)
        for place, head in enumerate(self.heads):
            if head not in self.removed | self.linear:
                found[self.key_of(place)].append(place)
        return found

    @property
    def filled_places(self) -> list[int]:
        """The same in one row, every key head with as many as the one that has most, so that one product serves all.

        The first of a key head stands in for what it lacks; its outputs are the same again.
        """
        groups = list(self.softmax_places.values())
        most = max(map(len, groups), default=0)
        return [place for own in groups for place in own + own[:1] * (most - len(own))]


class LightAttention:
    """A change at the seam: removed heads cost nothing, linear ones a state of d_head × d_value in place of keys."""

    def __init__(self, now: Now, capacity: int, mask: FamilyMask | None, present: Present) -> None:
        self.now = now
        self.mask = mask
        by_key = dict(present.softmax_places)
        groups, linear = list(by_key.values()), present.linear_places
        numbers = partial(torch.tensor, dtype=torch.long, device=now.positions.device)
        self.keys = numbers(list(by_key))
        self.softmax = numbers([place for own in groups for place in own])
        self.softmax_keys = numbers([key for key, own in by_key.items() for _ in own])
        self.filled = numbers(present.filled_places)
        self.linear = numbers(linear)
        self.linear_keys = numbers([present.key_of(place) for place in linear])
        self.cache, self.state = KeysAndValues(now, capacity), RunningState(now)

    def __call__(self, seen: Attending) -> Outputs:
        """The outputs of the heads present, [row, position, head, d_value]."""
        rows, heads, positions, _ = seen.query.shape
        outputs = seen.query.new_zeros(rows, positions, heads, seen.value.shape[-1])
        of_softmax, of_linear = (self._next, self._next_linear) if self.now.begun else (self._first, self._first_linear)
        if len(self.softmax):
            of_softmax(seen, outputs)
        if len(self.linear):
            outputs[:, :, self.linear] = of_linear(seen).to(outputs.dtype)
        return outputs

    def keep(self, rows: Int[Tensor, " kept"]) -> None:
        """Go on with some of the rows."""
        self.cache.keep(rows)
        self.state.keep(rows)

    def _first(self, seen: Attending, outputs: Outputs) -> None:
        self.cache.begin(*(part.index_select(1, self.keys) for part in (seen.key, seen.value)))
        part = Attending(
            seen.module,
            seen.query.index_select(1, self.softmax),
            seen.key.index_select(1, self.softmax_keys),
            seen.value.index_select(1, self.softmax_keys),
            _of_heads(seen.mask, self.softmax),
            seen.scaling,
            seen.softcap,
        )
        outputs[:, :, self.softmax] = _softmax_outputs(part)

    def _next(self, seen: Attending, outputs: Outputs) -> None:
        key, value = self.cache.extend(*(part.index_select(1, self.keys) for part in (seen.key, seen.value)))
        mask = _of_heads(self.now.seen(self.mask), self.filled)
        query = seen.query.index_select(1, self.filled)
        outputs[:, :, self.filled] = attend(query, key, value, mask, seen.scaling, seen.softcap)

    def _of_linear(self, seen: Attending) -> tuple[Tensor, Tensor, Tensor]:
        wide = torch.promote_types(seen.query.dtype, torch.float32)
        key, value = (part.index_select(1, self.linear_keys).to(wide) for part in (seen.key, seen.value))
        return seen.query.index_select(1, self.linear).to(wide), key, value

    def _first_linear(self, seen: Attending) -> Float[Tensor, "row position linear d_value"]:
        query, key, value = self._of_linear(seen)
        self.state.begin(key, value)
        return kernels.kernelised(query, key, value, LINEAR, seen.scaling).transpose(1, 2)

    def _next_linear(self, seen: Attending) -> Float[Tensor, "row 1 linear d_value"]:
        query, key, value = self._of_linear(seen)
        return (query * seen.scaling @ self.state.extend(key, value)).transpose(1, 2)


def _of_heads(mask: Tensor | None, heads: Int[Tensor, " chosen"]) -> Tensor | None:
    return mask if mask is None or mask.shape[1] == 1 else mask[:, heads]


def _softmax_outputs(part: Attending) -> Outputs:
    """Of heads with a key head each."""
    if part.softcap is not None:
        return part.weighted(part.scores().masked_fill(~part.visible, float("-inf")).softmax(dim=-1))
    attended = scaled_dot_product_attention(
        part.query, part.key, part.value, part.mask, is_causal=part.mask is None, scale=part.scaling
    )
    return attended.transpose(1, 2)


def kept_heads(removed: Sequence[int] | frozenset[int], heads: int) -> tuple[int, ...]:
    """The heads that stay; at least one does, since a layer of none has no shape."""
    return tuple(head for head in range(heads) if head not in removed) or (0,)
