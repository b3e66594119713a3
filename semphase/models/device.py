"""Which device the forward passes run on."""

from __future__ import annotations

import torch

from semphase.errors import SemphaseError

DEVICES = ("auto", "cpu", "cuda", "mps")


def resolve(name: str) -> torch.device:
    """The device of a name: auto takes cuda where there is one, then mps, then cpu; `cuda:1` is understood.

    Raises SemphaseError for an unknown name and for a device that this machine lacks.
    """
    if name == "auto":
        return torch.device(next(kind for kind in ("cuda", "mps", "cpu") if _present(kind)))
    kind, _, index = name.partition(":")
    if kind not in DEVICES[1:] or (index and not index.isdigit()):
        raise SemphaseError(f"there is no device {name!r}: choose one of {', '.join(DEVICES)}")
    if not _present(kind) or (kind == "cuda" and int(index or 0) >= torch.cuda.device_count()):
        raise SemphaseError(f"the device {name} was asked for but this machine has none; use --device auto or cpu")
    return torch.device(name)


def use(device: torch.device) -> None:
    """Make a numbered CUDA device the one that is meant where none is named, by reports too."""
    if device.type == "cuda" and device.index is not None:
        torch.cuda.set_device(device)


def siblings(device: torch.device) -> list[torch.device]:
    """All devices of a kind, the one that is meant first; the device alone where it is numbered."""
    if device.type != "cuda" or ":" in str(device):
        return [device]
    first, count = torch.cuda.current_device(), torch.cuda.device_count()
    return [torch.device("cuda", (first + number) % count) for number in range(count)]


def device_memory(device: torch.device) -> int | None:
    """Bytes of a device's own memory; None where it has none or does not say."""
    return int(torch.cuda.get_device_properties(device).total_memory) if device.type == "cuda" else None


def free_memory(device: torch.device) -> int | None:
    """Bytes of a device's memory that hold nothing, those that PyTorch keeps for what comes included; None as above."""
    if device.type != "cuda":
        return None
    unused = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return int(torch.cuda.mem_get_info(device)[0] + unused)


def _present(kind: str) -> bool:
    if kind == "cuda":
        return torch.cuda.is_available()
    return kind == "cpu" or torch.backends.mps.is_available()
