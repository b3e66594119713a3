"""Several changes of one block in one pass: copies of the chunks stand one after the other, each with its own."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from semphase.measure.attention import Attending, Change, Outputs
from semphase.measure.blocks import BlockChange, Work, attention_of


def beside(changes: Sequence[Change | BlockChange | None]) -> Change | BlockChange:
    """A change of as many copies of the chunks as there are changes; all skip the block, or none does."""
    first = changes[0]
    if first is not None and not isinstance(first, BlockChange) and all(change is first for change in changes):
        return first  # a change of heads does not ask which chunk it is at
    parts = [change if isinstance(change, BlockChange) else BlockChange(change) for change in changes]
    return BlockChange(
        key=tuple(changes),
        entering=_work([part.entering for part in parts]),
        attention=_attention([attention_of(change) for change in changes]),
        attention_write=_work([part.attention_write for part in parts]),
        neurons=_work([part.neurons for part in parts]),
        mlp_write=_work([part.mlp_write for part in parts]),
        skipped=any(part.skipped for part in parts),
    )


def _work(parts: Sequence[Work | None]) -> Work | None:
    if not any(parts):
        return None

    def work(values: Tensor) -> Tensor:
        copies = values.chunk(len(parts))
        return torch.cat([own if part is None else part(own) for part, own in zip(parts, copies, strict=True)])

    return work


def _attention(parts: Sequence[Change | None]) -> Change | None:
    if not any(parts):
        return None

    def change(seen: Attending) -> Outputs:
        size = seen.rows // len(parts)
        made = []
        for k, part in enumerate(parts):
            own = seen.of_rows(slice(k * size, (k + 1) * size))
            made.append(own.outputs if part is None else part(own))
        return torch.cat(made)

    return change
