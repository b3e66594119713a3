"""The peak of a CUDA device's memory; needs torch alone, so that every environment here has it."""

from __future__ import annotations

import gc

import torch
from worker import Operations, Reply


def counted(device: torch.device) -> Operations:
    """The operation "memory" for a CUDA device, counted from here on; nothing for those whose memory is the process's."""
    if device.type != "cuda":
        return {}
    gc.collect()
    torch.cuda.reset_peak_memory_stats(device)

    def memory() -> Reply:
        """The most that this process held on the device at once, in MiB."""
        return {"mib": torch.cuda.max_memory_allocated(device) / 2**20}

    return {"memory": memory}
