"""What all methods have in common: a model, and a text in groups of chunks that one pass takes together.

Heads are pairs [layer, head]; losses come back summed in float64 over the predicted tokens of a group of chunks.
"""

from __future__ import annotations

from functools import partial

from subject import Subject
from torch import Tensor
from worker import Operations, Reply

from semphase.measure.timing import wait_for

Heads = list[list[int]]


class Method:
    """One way of zeroing heads, on one device."""

    def __init__(self, subject: Subject) -> None:
        self.model, self.device, self.size = subject.model, subject.model.device, subject.group
        self.text = subject.text.to(self.device)
        self.groups = self.text[: subject.main].split(self.size)
        self.wait = partial(wait_for, self.device)

    @property
    def operations(self) -> Operations:
        """What can be asked."""
        return {"warm": self.warm, "heads": self.heads}

    def warm(self) -> Reply:
        """The unchanged loss, after a head on the way."""
        raise NotImplementedError

    def heads(self, group: int, heads: Heads) -> Reply:
        """Summed losses with each head zeroed alone on one group of chunks, with the seconds they took."""
        raise NotImplementedError


def summed(losses: Tensor) -> float:
    """The sum in float64, which not every device has."""
    return float(losses.cpu().double().sum())
