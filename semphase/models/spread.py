"""Where a model's weights lie: on the device that was asked for or, where that has no room for them, on all of its kind.

Of a model that is spread, whole blocks lie on other devices, by accelerate's device map, and all else on the first. What a
block gives comes back to where its input was, so whoever runs, reads or changes blocks sees one device.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from accelerate import infer_auto_device_map
from accelerate.hooks import AlignDevicesHook, add_hook_to_module
from accelerate.utils import get_balanced_memory
from torch import Tensor, nn
from transformers import PreTrainedModel

from semphase.errors import SemphaseError
from semphase.models.device import free_memory, siblings

SHARE = 0.8
"""Of what is free on each of several devices; the rest is for what is measured."""
GB = 1e9


def place(module: PreTrainedModel, device: torch.device, dtype: torch.dtype, name: str) -> None:
    """Move a model to a device, or spread it where that has no room; a numbered device is meant alone.

    SemphaseError where there is no room for it.
    """
    nn.Module.to(module, dtype=dtype)
    free = free_memory(device)
    if free is None or _bytes(module.parameters()) <= free:
        nn.Module.to(module, device=device)
        return
    room = {own: int(SHARE * (free_memory(own) or 0)) for own in siblings(device)}
    where = _device_map(module, room) if len(room) > 1 else None
    if where is None:
        several = f", {sum(room.values()) / GB:.1f} GB on {len(room)} devices together" if len(room) > 1 else ""
        raise SemphaseError(
            f"the weights of {name} take {_bytes(module.parameters()) / GB:.1f} GB in {str(dtype).removeprefix('torch.')} "
            f"and {device} has room for {free / GB:.1f} GB{several}; choose a narrower --dtype or --device cpu."
        )
    spread(module, where, next(iter(room)))


def spread(module: PreTrainedModel, where: Mapping[nn.Module, torch.device], home: torch.device) -> None:
    """Move blocks to the devices of a map, and everything else home."""
    away = {block: device for block, device in where.items() if device != home}
    for block, device in away.items():
        skipped = module._skip_keys_device_placement
        hook = AlignDevicesHook(device, io_same_device=True, place_submodules=True, skip_keys=skipped)
        add_hook_to_module(block, hook)
    inside = {part for block in away for part in block.modules()}
    for part in module.modules():
        if part not in inside:
            for own in (*part.parameters(recurse=False), *part.buffers(recurse=False)):
                own.data = own.data.to(home)


def _device_map(module: PreTrainedModel, room: Mapping[torch.device, int]) -> dict[nn.Module, torch.device] | None:
    """Of a model's blocks; None where they do not fit. The first device has everything else as well."""
    devices, blocks = list(room), decoder_blocks(module)
    beside = _bytes(module.parameters()) - _bytes(blocks.parameters())
    free = {number: room[device] - (beside if number == 0 else 0) for number, device in enumerate(devices)}
    whole = list({type(block).__name__ for block in blocks})
    if free[0] < 0:
        return None
    cut = infer_auto_device_map(
        blocks, get_balanced_memory(blocks, free, whole), no_split_module_classes=whole, clean_result=False
    )
    if not set(cut.values()) <= set(free):
        return None
    return {blocks.get_submodule(name): devices[number] for name, number in cut.items()}


def decoder_blocks(module: nn.Module) -> nn.ModuleList:
    """The longest list of modules that is in no other."""
    lists = {name: part for name, part in module.named_modules() if isinstance(part, nn.ModuleList)}
    outer = [own for name, own in lists.items() if not any(name.startswith(f"{other}.") for other in lists)]
    return max(outer, key=len, default=nn.ModuleList())


def _bytes(weights: Iterable[Tensor]) -> int:
    return sum(own.numel() * own.element_size() for own in weights)
