"""What edits leave to be done: heads that are not computed, and heads that need a running state instead of keys."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from semphase.measure import kernels
from semphase.measure.attention import Attending, Outputs
from semphase.measure.changes import CROSSING, reformed
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
    """Heads of one layer that are 0 everywhere, those whose weights are their scores, and those of other forms."""

    removed: frozenset[int]
    linear: frozenset[int]
    formed: frozenset[tuple[int, str]] = frozenset()

    def keeping_keys(self) -> Lightened:
        """The same where a running state will not do: linear heads keep their keys as those of other forms do."""
        return replace(self, linear=frozenset(), formed=self.formed | {(head, LINEAR) for head in self.linear})


def lightened(edits: Iterable[Edit], shape: Shape) -> dict[int, Lightened]:
    """The layers whose attention is changed by nothing but removing heads and giving others forms of their own scores."""
    removed: dict[int, set[int]] = defaultdict(set)
    forms: dict[int, dict[int, str]] = defaultdict(dict)
    others: set[int] = set()
    for edit in edits:
        if isinstance(edit, Zeroed) and edit.site.kind == "head" and edit.site.positions is ALL:
            for layer, heads in edit.site.chosen(shape).items():
                removed[layer].update(heads)
        elif isinstance(edit, Form) and edit.form not in CROSSING:
            for layer, heads in edit.site.chosen(shape).items():
                forms[layer].update(dict.fromkeys(heads, edit.form))
        elif isinstance(edit, Form | HiddenKeys | Keys) or any(site.kind in HEADED for site in edit.sites):
            others.update(edit.touched(shape))
    return {layer: _of_layer(removed[layer], forms[layer]) for layer in sorted({*removed, *forms} - others)}


def _of_layer(removed: set[int], forms: Mapping[int, str]) -> Lightened:
    left = {head: form for head, form in forms.items() if head not in removed and form != "softmax"}
    linear = frozenset(head for head, form in left.items() if form == LINEAR)
    return Lightened(
        frozenset(removed), linear, frozenset((head, form) for head, form in left.items() if form != LINEAR)
    )


@dataclass(frozen=True, slots=True)
class Present:
    """The heads that a layer's projections make, by the numbers they have in the model, and what becomes of them."""

    heads: tuple[int, ...]
    key_heads: tuple[int, ...]
    group: int
    made: Lightened

    def key_of(self, place: int) -> int:
        """The place of the key head that the head at a place uses."""
        return self.key_heads.index(self.heads[place] // self.group)

    @property
    def linear_places(self) -> list[int]:
        """Where the linear heads stand."""
        return [place for place, head in enumerate(self.heads) if head in self.made.linear]

    @property
    def formed_places(self) -> dict[str, list[int]]:
        """Where the heads of other forms stand, by their form."""
        form_of, found = dict(self.made.formed), defaultdict(list)
        for place, head in enumerate(self.heads):
            if head in form_of:
                found[form_of[head]].append(place)
        return found

    @property
    def softmax_places(self) -> dict[int, list[int]]:
        """Where the heads with softmax stand, by the place of their key head."""
        changed = self.made.removed | self.made.linear | dict(self.made.formed).keys()
        found: dict[int, list[int]] = defaultdict(list)
        for place, head in enumerate(self.heads):
            if head not in changed:
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

    @property
    def products(self) -> int:
        """Scores, and weighted values, that every key costs: of heads with softmax as filled, and of other forms."""
        return len(self.filled_places) + sum(map(len, self.formed_places.values()))


class LightAttention:
    """A change at the seam: removed heads cost nothing, linear ones a state of d_head × d_value in place of keys."""

    def __init__(self, now: Now, capacity: int, mask: FamilyMask | None, present: Present) -> None:
        self.now = now
        self.mask = mask
        numbers = partial(torch.tensor, dtype=torch.long, device=now.positions.device)
        groups, formed, linear = present.softmax_places, present.formed_places, present.linear_places
        further = {present.key_of(place) for places in formed.values() for place in places} - groups.keys()
        kept = [*groups, *sorted(further)]
        softmax, filled = [place for own in groups.values() for place in own], present.filled_places
        self.keys = numbers(kept)
        self.softmax = _Chosen(numbers(softmax), numbers([kept.index(present.key_of(place)) for place in softmax]))
        self.filled, self.groups = numbers(filled), len(groups)
        self.first_of = numbers([filled.index(place) for place in softmax])
        self.formed = {
            form: _Each(tuple((place, kept.index(present.key_of(place))) for place in places))
            for form, places in formed.items()
        }
        self.linear = _Chosen(numbers(linear), numbers([present.key_of(place) for place in linear]))
        order = [*softmax, *(place for places in formed.values() for place in places), *linear]
        self.absent = len(present.heads) - len(order)
        order += [place for place in range(len(present.heads)) if place not in order]
        self.place = None if order == sorted(order) else numbers(order).argsort()
        self.cache, self.state = KeysAndValues(now, capacity), RunningState(now)

    def __call__(self, seen: Attending) -> Outputs:
        """The outputs of the heads present, [row, position, head, d_value]."""
        parts = self._of_keys(seen) if len(self.keys) else []
        if len(self.linear.heads):
            of_linear = self._next_linear if self.now.begun else self._first_linear
            parts.append(of_linear(seen).to(seen.query.dtype))
        if self.absent:
            rows, _, positions, _ = seen.query.shape
            parts.append(seen.query.new_zeros(rows, positions, self.absent, seen.value.shape[-1]))
        outputs = parts[0] if len(parts) == 1 else torch.cat(parts, dim=2)
        return outputs if self.place is None else outputs.index_select(2, self.place)

    def keep(self, rows: Int[Tensor, " kept"]) -> None:
        """Go on with some of the rows."""
        self.cache.keep(rows)
        self.state.keep(rows)

    def _of_keys(self, seen: Attending) -> list[Outputs]:
        """Of the heads that need keys: those with softmax, and those of each other form."""
        key, value = (part.index_select(1, self.keys) for part in (seen.key, seen.value))
        if self.now.begun:
            key, value = self.cache.extend(key, value)
            seen = replace(seen, key=key, value=value, mask=self.now.seen(self.mask))
            made = [self._next(seen)] if self.groups else []
        else:
            self.cache.begin(key, value)
            seen = replace(seen, key=key, value=value)
            made = [_softmax_outputs(self.softmax.of(seen))] if self.groups else []
        return made + [reformed(head, [0], form) for form, own in self.formed.items() for head in own.each(seen)]

    def _next(self, seen: Attending) -> Outputs:
        query, mask = seen.query.index_select(1, self.filled), _of_heads(seen.mask, self.filled)
        key, value = (part.narrow(1, 0, self.groups) for part in (seen.key, seen.value))
        sinks = seen.sinks if seen.sinks is None else seen.sinks[self.filled]
        outputs = attend(query, key, value, mask, seen.scaling, seen.softcap, sinks)
        return outputs if len(self.first_of) == len(self.filled) else outputs.index_select(2, self.first_of)

    def _first_linear(self, seen: Attending) -> Float[Tensor, "row position linear d_value"]:
        own = _wide(self.linear.of(seen))
        self.state.begin(own.key, own.value)
        return kernels.kernelised(own.query, own.key, own.value, LINEAR, seen.scaling).transpose(1, 2)

    def _next_linear(self, seen: Attending) -> Float[Tensor, "row 1 linear d_value"]:
        own = _wide(self.linear.of(seen))
        return (own.query * seen.scaling @ self.state.extend(own.key, own.value)).transpose(1, 2)


@dataclass(frozen=True, slots=True, eq=False)
class _Chosen:
    """Some heads, by their places, and the places of their key heads."""

    heads: Int[Tensor, " chosen"]
    keys: Int[Tensor, " chosen"]

    def of(self, seen: Attending) -> Attending:
        """What they see, each with a key head of its own."""
        return replace(
            seen,
            query=seen.query.index_select(1, self.heads),
            key=seen.key.index_select(1, self.keys),
            value=seen.value.index_select(1, self.keys),
            mask=_of_heads(seen.mask, self.heads),
            sinks=seen.sinks if seen.sinks is None else seen.sinks[self.heads],
        )


@dataclass(frozen=True, slots=True)
class _Each:
    """Some heads one by one, by their places and those of their key heads, without copies of keys."""

    pairs: tuple[tuple[int, int], ...]

    def each(self, seen: Attending) -> Iterator[Attending]:
        """What one head sees after the other."""
        for head, key in self.pairs:
            yield replace(
                seen,
                query=seen.query.narrow(1, head, 1),
                key=seen.key.narrow(1, key, 1),
                value=seen.value.narrow(1, key, 1),
                mask=seen.mask if seen.mask is None or seen.mask.shape[1] == 1 else seen.mask.narrow(1, head, 1),
                sinks=seen.sinks if seen.sinks is None else seen.sinks.narrow(0, head, 1),
            )


def _wide(own: Attending) -> Attending:
    dtype = torch.promote_types(own.query.dtype, torch.float32)
    return replace(own, query=own.query.to(dtype), key=own.key.to(dtype), value=own.value.to(dtype))


def _of_heads(mask: Tensor | None, heads: Int[Tensor, " chosen"]) -> Tensor | None:
    return mask if mask is None or mask.shape[1] == 1 else mask[:, heads]


def _softmax_outputs(part: Attending) -> Outputs:
    """Of heads with a key head each."""
    if not part.plain:
        return part.weighted(part.softmax())
    attended = scaled_dot_product_attention(
        part.query, part.key, part.value, part.mask, is_causal=part.mask is None, scale=part.scaling
    )
    return attended.transpose(1, 2)


def kept_heads(removed: Sequence[int] | frozenset[int], heads: int) -> tuple[int, ...]:
    """The heads that stay; at least one does, since a layer of none has no shape."""
    return tuple(head for head in range(heads) if head not in removed) or (0,)
