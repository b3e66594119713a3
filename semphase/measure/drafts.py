"""What happens in one block, as it is put together place by place."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from semphase.errors import SemphaseError
from semphase.measure.attention_edits import AttentionEdits, Hidden, Step
from semphase.measure.blocks import BlockChange, Work
from semphase.measure.edit_base import Edit
from semphase.measure.sites import Kind, Site

Place = Literal["entering", "query", "key", "value", "pattern", "head", "attention", "neurons", "mlp"]
PLACES: Mapping[Kind, Place] = {
    "embedding": "entering",
    "stream": "entering",
    "attention": "attention",
    "mlp": "mlp",
    "neurons": "neurons",
    "query": "query",
    "key": "key",
    "value": "value",
    "head": "head",
    "pattern": "pattern",
}


@dataclass(frozen=True, eq=False)
class Look:
    """Something that only looks at a site: `see(layer, values)` gets the values there, after all edits.

    Values are [row, position, (head,) d]; what it returns goes on in their place.
    """

    site: Site
    see: Callable[[int, Tensor], Tensor]


class Draft:
    """What happens in one block, as it is put together."""

    def __init__(self) -> None:
        self.key: list[object] = []
        self.steps: dict[Place, list[Step]] = defaultdict(list)
        self.hidden: list[Hidden] = []
        self.forms: dict[int, str] = {}
        self.skipped = False

    def add(self, edit: Edit, place: Place, step: Step) -> None:
        """An edit of the values at a place."""
        self.key.append(edit)
        self.steps[place].append(step)

    def looked(self, look: Look, step: Step, layer: int) -> None:
        """A look at a place, after the edits so far."""
        place = PLACES[look.site.kind]
        if self.skipped and place != "entering":
            raise SemphaseError(f"block {layer} is skipped, so there is nothing to read at {look.site}.")
        self.key.append(object())  # another look is no repetition
        self.steps[place].append(step)

    def reform(self, edit: Edit, heads: tuple[int, ...], form: str) -> None:
        """Heads with another form of attention."""
        self.key.append(edit)
        self.forms.update(dict.fromkeys(heads, form))

    def hide(self, edit: Edit, hidden: Hidden) -> None:
        """Keys that are not seen."""
        self.key.append(edit)
        self.hidden.append(hidden)

    def skip(self, edit: Edit) -> None:
        """The block passed by."""
        self.key.append(edit)
        self.skipped = True

    def made(self) -> BlockChange:
        """The change of the block."""
        inside = {
            place: self.steps[place] for place in ("query", "key", "value", "pattern", "head") if self.steps[place]
        }
        attends = bool(inside or self.hidden or self.forms)
        return BlockChange(
            tuple(self.key),
            entering=_chain(self.steps["entering"]),
            attention=AttentionEdits(hidden=self.hidden, forms=self.forms, **inside) if attends else None,
            attention_write=_chain(self.steps["attention"]),
            neurons=_chain(self.steps["neurons"]),
            mlp_write=_chain(self.steps["mlp"]),
            skipped=self.skipped,
        )


def _chain(steps: Sequence[Step]) -> Work | None:
    if not steps:
        return None

    def work(values: Tensor) -> Tensor:
        for step in steps:
            values = step(values)
        return values

    return work
