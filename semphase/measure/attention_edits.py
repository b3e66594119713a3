"""Edits at one layer's attention, as one change at the seam: queries, keys and values, what is hidden, weights, heads."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from semphase.measure.attention import Attending, Outputs
from semphase.measure.changes import CROSSING, FORMS, reformed

Hidden = Bool[Tensor, "#row #head position key"]


@dataclass(frozen=True, eq=False)
class Step:
    """What happens to the values of some heads, or of a place without heads."""

    heads: tuple[int, ...]
    make: Callable[[Tensor], Tensor]

    def __call__(self, values: Tensor, held: Sequence[int] | None = None) -> Tensor:
        """New values [row, position, (head,) d]; `held` are the heads that `values` has, all by default."""
        if not self.heads:
            return self.make(values)
        index = [head if held is None else held.index(head) for head in self.heads]
        made = values.clone()
        made[:, :, index] = self.make(values[:, :, index])
        return made


@dataclass(frozen=True, eq=False)
class AttentionEdits:
    """A change of attention; each list is worked off in its order, one list after the other."""

    query: Sequence[Step] = ()
    key: Sequence[Step] = ()
    value: Sequence[Step] = ()
    hidden: Sequence[Hidden] = ()
    forms: Mapping[int, str] = field(default_factory=dict)
    pattern: Sequence[Step] = ()
    head: Sequence[Step] = ()

    @property
    def products(self) -> int:
        """Products of length d_head that every key costs beside those of softmax attention: scores, and values."""
        touched = {head for step in self.pattern for head in step.heads}
        made = [*self.forms.values(), *(self.forms.get(head, "softmax") for head in touched)]
        return sum(3 if form in CROSSING else 2 for form in made)

    def __call__(self, seen: Attending) -> Outputs:
        """The outputs of all heads of the layer, [row, position, head, d_head]."""
        return self.outputs(self.prepared(seen))

    def prepared(self, seen: Attending) -> Attending:
        """Queries, keys and values after the edits there."""
        if not (self.query or self.key or self.value):
            return seen
        query, key, value = (
            _stepped(own, steps)
            for own, steps in ((seen.query, self.query), (seen.key, self.key), (seen.value, self.value))
        )
        return replace(seen, query=query, key=key, value=value)

    def outputs(self, seen: Attending) -> Outputs:
        """The outputs of all heads from what has been prepared, after the edits that come behind."""
        edited, blind = self._masked(seen)
        outputs = self._weighted(edited, blind)
        for step in self.head:
            outputs = step(outputs)
        return outputs

    def _masked(self, seen: Attending) -> tuple[Attending, Bool[Tensor, "#row #head position"] | None]:
        """Attention with keys hidden, and the queries that see none: they see all, and what they get is put to 0."""
        if not self.hidden:
            return seen, None
        visible = seen.visible
        for hidden in self.hidden:
            visible = visible & ~hidden
        blind = ~visible.any(dim=-1)
        return replace(seen, mask=torch.where(blind[..., None], seen.visible, visible)), blind

    def _weighted(self, seen: Attending, blind: Bool[Tensor, "#row #head position"] | None) -> Outputs:
        outputs = seen.outputs
        if self.forms:
            outputs = outputs.clone()
            for form in dict.fromkeys(self.forms.values()):
                heads = [head for head, own in self.forms.items() if own == form]
                outputs[:, :, heads] = reformed(seen, heads, form)
        if blind is not None:
            outputs = outputs.masked_fill(blind.transpose(1, 2)[..., None], 0)
        if not self.pattern:
            return outputs
        touched = sorted({head for step in self.pattern for head in step.heads})
        outputs = outputs.clone()
        outputs[:, :, touched] = seen.weighted(self._weights(seen, touched, blind), touched)
        return outputs

    def _weights(
        self, seen: Attending, heads: list[int], blind: Bool[Tensor, "#row #head position"] | None
    ) -> Float[Tensor, "row chosen position key"]:
        weights = torch.cat([FORMS[self.forms.get(head, "softmax")](seen, [head]) for head in heads], dim=1)
        if blind is not None:
            own = blind if blind.shape[1] == 1 else blind[:, heads]
            weights = weights.masked_fill(own[..., None], 0)
        steps = weights[..., : seen.key.shape[2]].transpose(1, 2)  # of a sink nothing is read
        for step in self.pattern:
            steps = step(steps, heads)
        return steps.transpose(1, 2)


def _stepped(
    values: Float[Tensor, "row head position d"], steps: Sequence[Step]
) -> Float[Tensor, "row head position d"]:
    if not steps:
        return values
    by_position = values.transpose(1, 2)
    for step in steps:
        by_position = step(by_position)
    return by_position.transpose(1, 2)
