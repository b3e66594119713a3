"""Seconds that a device works, not those in which it is merely asked to."""

from __future__ import annotations

import time

import torch

from semphase.measure.timing import wait_for


class Clock:
    """Starts when the device has nothing left to do."""

    def __init__(self, device: torch.device) -> None:
        wait_for(device)
        self.device, self._begun = device, time.perf_counter()

    def seconds(self) -> float:
        """Seconds since then, when the device has done all that it was given."""
        wait_for(self.device)
        return time.perf_counter() - self._begun
