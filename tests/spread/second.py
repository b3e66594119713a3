"""A second device, in Python: its tensors hold one of the CPU each, and meet no other but by a copy.

It is there for a whole process, so who needs it takes a process of its own.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves, tree_map
from torch.utils.backend_registration import _DummyBackendModule, _setup_privateuseone_for_python_backend


class Backend(_DummyBackendModule):
    """What torch asks of a kind of devices."""

    def get_amp_supported_dtype(self) -> list[torch.dtype]:
        return [torch.bfloat16, torch.float16]

    def get_rng_state(self, _device: Any) -> Tensor:
        return torch.empty(0, dtype=torch.uint8)

    def set_rng_state(self, _state: Tensor, _device: Any) -> None:
        """No number is drawn there."""


_setup_privateuseone_for_python_backend("second", Backend())
SECOND = torch.device("second", 0)
aten = torch.ops.aten


class Away(Tensor):
    """A tensor of the second device."""

    held: Tensor

    @staticmethod
    def __new__(cls, held: Tensor) -> Away:
        shape = {"strides": held.stride(), "storage_offset": held.storage_offset(), "dtype": held.dtype}
        made: Away = Tensor._make_wrapper_subclass(cls, held.size(), device=SECOND, **shape)
        made.held = held
        return made

    def __repr__(self, **_: Any) -> str:
        return f"Away({self.held!r})"

    @classmethod
    def __torch_dispatch__(cls, func: Any, _types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _run(func, args, kwargs or {})


def _run(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    if func is aten._to_copy.default:
        return _copied(*args, **kwargs)
    if func is aten.copy_.default:
        _held(args[0]).copy_(_held(args[1]))
        return args[0]
    given = [own for own in tree_leaves((args, kwargs)) if isinstance(own, Tensor)]
    if any(own.ndim and not isinstance(own, Away) for own in given):
        raise RuntimeError(f"{func} was given tensors of both devices")
    held, named = tree_map(_held, args), tree_map(_held, kwargs)
    if func is aten.histc.default:  # a CPU counts no integers, and transformers takes other devices for GPUs
        return Away(func(held[0].float(), *held[1:], **named).to(held[0].dtype))
    found = func(*held, **named)
    # What an operation works on in place is given back as the same tensor.
    known = {id(own.held): own for own in given if isinstance(own, Away)}

    def away(own: Any) -> Any:
        return own if not isinstance(own, Tensor) else known[id(own)] if id(own) in known else Away(own)

    return tree_map(away, found)


def _copied(source: Tensor, *, device: torch.device | None = None, **rest: Any) -> Tensor:
    made = aten._to_copy.default(_held(source), **rest)
    return Away(made) if (device or source.device).type == SECOND.type else made


def _held(own: Any) -> Any:
    if isinstance(own, torch.device) and own.type == SECOND.type:
        return torch.device("cpu")
    return own.held if isinstance(own, Away) else own


@torch.library.impl("aten::empty.memory_format", "privateuseone")
def _empty(size: Any, *, dtype: Any = None, **_: Any) -> Tensor:
    return Away(torch.empty(size, dtype=dtype))


@torch.library.impl("aten::empty_strided", "privateuseone")
def _empty_strided(size: Any, stride: Any, *, dtype: Any = None, **_: Any) -> Tensor:
    return Away(torch.empty_strided(size, stride, dtype=dtype))


@torch.library.impl("aten::_copy_from", "privateuseone")
def _copy_from(source: Tensor, target: Tensor, _non_blocking: bool = False) -> Tensor:
    _held(target).copy_(_held(source))
    return target
