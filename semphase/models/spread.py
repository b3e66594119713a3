"""Where a model's weights lie: on the device that was asked for or, where that has no room for them, on all of its kind.

Of a model that is spread, whole blocks lie on other devices, by accelerate's device map, and all else on the first. What a
block gives comes back to where its input was, so whoever runs, reads or changes blocks sees one device.
"""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import product

import torch
from accelerate import infer_auto_device_map
from accelerate.hooks import AlignDevicesHook, add_hook_to_module
from torch import Tensor, nn
from transformers import PreTrainedModel

from semphase.errors import SemphaseError
from semphase.models.device import free_memory, siblings
from semphase.models.memory import NoRoom, lacks_memory

SHARE = 0.8
"""Of what is free on each of several devices; the rest is for what is measured."""
GB = 1e9


def place(module: PreTrainedModel, device: torch.device, dtype: torch.dtype, name: str) -> None:
    """Move a model to a device, or spread it where that has no room; a numbered device is meant alone.

    Raises NoRoom where it does not fit.
    """
    with _room_for(module, device, dtype, name):
        nn.Module.to(module, dtype=dtype)
        several = siblings(device)
        if len(several) > 1 and _bytes(module.parameters()) > SHARE * _free(several[0]):
            gc.collect()  # modules with hooks hold themselves until then
            room = {own: int(SHARE * _free(own)) for own in several}
            where = _device_map(module, {own: bytes_ for own, bytes_ in room.items() if bytes_})
            if where is not None:
                spread(module, where, several[0])
                return
        nn.Module.to(module, device=device)


def spread(module: PreTrainedModel, where: Mapping[nn.Module, torch.device], home: torch.device) -> None:
    """Move blocks to the devices of a map, and everything else home; SemphaseError where copies between them fail."""
    away = {block: device for block, device in where.items() if device != home}
    for device in sorted(set(away.values()), key=str):
        _require_copies(home, device)
    for block, device in away.items():
        nn.Module.to(block, device=device)
    for block, device in away.items():  # what several blocks share was moved to the device of the last one
        skipped = module._skip_keys_device_placement
        hook = AlignDevicesHook(device, io_same_device=True, place_submodules=True, skip_keys=skipped)
        add_hook_to_module(block, hook)
    inside = {part for block in away for part in block.modules()}
    for part in module.modules():
        if part not in inside:
            for own in (*part.parameters(recurse=False), *part.buffers(recurse=False)):
                own.data = own.data.to(home)


@contextmanager
def _room_for(module: nn.Module, device: torch.device, dtype: torch.dtype, name: str) -> Iterator[None]:
    """A lack of memory inside the block is told in a sentence."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not lacks_memory(error):
            raise
        size = sum(own.numel() for own in module.parameters()) * dtype.itemsize / GB
        other = "larger devices" if len(siblings(device)) > 1 else "a larger device"
        all_ = f", --device {device.type} to spread them over all of its kind" if ":" in str(device) else ""
        raise NoRoom(
            f"{device} has no room for the weights of {name}, {size:.1f} GB in {str(dtype).removeprefix('torch.')}; choose "
            f"a narrower --dtype, --device cpu{all_}, or {other}."
        ) from None


def _device_map(module: nn.Module, room: Mapping[torch.device, int]) -> dict[nn.Module, torch.device] | None:
    """Of a model's blocks; None where they do not fit. The first device has everything else as well.

    Devices get equal shares where there is room for these.
    """
    devices, blocks = list(room), decoder_blocks(module)
    every = _bytes(module.parameters())
    beside, largest = every - _bytes(blocks.parameters()), max((_bytes(own.parameters()) for own in blocks), default=0)
    if len(devices) < 2 or not largest or room[devices[0]] < beside:
        return None
    whole = list({type(own).__name__ for own in blocks})
    # On the first device accelerate leaves room for one of the blocks to come, which would be fetched from a disk.
    for share, spare in product((every // len(devices) + largest, every), (largest, 0)):
        free = {number: min(room[device], share) for number, device in enumerate(devices)}
        home = max(0, free[0] - beside)
        cut = infer_auto_device_map(blocks, free | {0: home + spare}, no_split_module_classes=whole, clean_result=False)
        there = {blocks.get_submodule(name): number for name, number in cut.items()}
        at_home = sum(_bytes(own.parameters()) for own, number in there.items() if number == 0)
        if set(there.values()) <= set(free) and at_home <= home:
            return {own: devices[number] for own, number in there.items()}
    return None


def decoder_blocks(module: nn.Module) -> nn.ModuleList:
    """The longest list of modules that is in no other."""
    lists = {name: part for name, part in module.named_modules() if isinstance(part, nn.ModuleList)}
    outer = [own for name, own in lists.items() if not any(name.startswith(f"{other}.") for other in lists)]
    return max(outer, key=len, default=nn.ModuleList())


def _require_copies(home: torch.device, device: torch.device) -> None:
    """Some machines' devices cannot reach each other's memory though they say so, and copies are zeros."""
    sent = torch.randn(2**16, generator=torch.Generator().manual_seed(0))
    if not torch.equal(sent.to(home).to(device).to(home).cpu(), sent):
        raise SemphaseError(
            f"what is copied from {home} to {device} and back arrives changed, so no model can be spread over them; mend "
            "their peer-to-peer access, or choose a narrower --dtype or --device cpu."
        )


def _free(device: torch.device) -> int:
    """Bytes; none where a device cannot be had."""
    try:
        return free_memory(device) or 0
    except RuntimeError:
        return 0


def _bytes(weights: Iterable[Tensor]) -> int:
    return sum(own.numel() * own.element_size() for own in weights)
