"""The attention of a layer that remembers: keys and values of the past come from what is kept of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from jaxtyping import Int
from torch import Tensor

from semphase.measure.attention import Attending, Change, Outputs
from semphase.measure.attention_edits import AttentionEdits
from semphase.measure.generating.cache import KeysAndValues
from semphase.measure.generating.now import FamilyMask, Now
from semphase.measure.generating.one_query import attend, one_query_outputs


class Remembering:
    """A change at the seam: `first` happens to the prompts, `later` to every position behind them.

    Edits of keys and values happen before these are kept, since a position keeps what it got when it was new.
    """

    def __init__(
        self, now: Now, capacity: int, mask: FamilyMask | None, first: Change | None, later: Change | None
    ) -> None:
        self.now = now
        self.mask = mask
        self.first, self.later = first, later
        self.cache = KeysAndValues(now, capacity)

    def __call__(self, seen: Attending) -> Outputs:
        """The outputs of all heads of the layer, [row, position, head, d_head]."""
        change = self.later if self.now.begun else self.first
        seen = change.prepared(seen) if isinstance(change, AttentionEdits) else seen
        if not self.now.begun:
            self.cache.begin(seen.key, seen.value)
            return _outputs(seen, change, lambda edits: edits)
        key, value = self.cache.extend(seen.key, seen.value)
        mask = self.now.seen(self.mask)
        if change is None:
            return attend(seen.query, key, value, mask, seen.scaling, seen.softcap, seen.sinks)
        grown = replace(seen, key=key, value=value, mask=mask, attend=one_query_outputs)
        return _outputs(grown, change, self._here)

    def keep(self, rows: Int[Tensor, " kept"]) -> None:
        """Go on with some of the rows."""
        self.cache.keep(rows)

    def _here(self, edits: AttentionEdits) -> AttentionEdits:
        return replace(edits, hidden=[self.now.rows_of(hidden) for hidden in edits.hidden])


def _outputs(seen: Attending, change: Change | None, here: Callable[[AttentionEdits], AttentionEdits]) -> Outputs:
    if isinstance(change, AttentionEdits):
        return here(change).outputs(seen)
    return seen.outputs if change is None else change(seen)
