"""A pytest plugin under which every model that is made has every other block on a second device.

What it is compared with stays on one: TransformerLens gets a copy that was made before.
"""

from __future__ import annotations

import copy
from dataclasses import replace
from importlib import import_module
from typing import Any
from weakref import WeakKeyDictionary

import torch
from spread.second import SECOND
from torch import nn
from transformers import PreTrainedModel

from semphase.models import Model, spread

assemble, reference = (import_module(f"semphase.models.{name}") for name in ("assemble", "reference"))
bridge = reference.bridge
WHOLE: WeakKeyDictionary[Any, PreTrainedModel] = WeakKeyDictionary()


def place(module: PreTrainedModel, device: torch.device, dtype: torch.dtype, _name: str) -> None:
    """In place of what looks for room."""
    nn.Module.to(module, dtype=dtype)
    WHOLE[module] = copy.deepcopy(module)
    spread.spread(module, dict.fromkeys(list(spread.decoder_blocks(module))[1::2], SECOND), device)


def bridge_of_whole(model: Model) -> Any:
    """In place of what copies a model."""
    return bridge(replace(model, module=WHOLE[model.module]))


assemble.place, reference.bridge = place, bridge_of_whole
