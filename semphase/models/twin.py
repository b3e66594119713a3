"""A second module on the weights of a model, whose parts may be replaced."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

from semphase.models.model import Model


def twin(model: Model) -> Model:
    """The model with modules of its own; parameters and buffers are those of the given one, and not copied."""
    own = [*model.module.parameters(), *model.module.buffers()]
    return _copied(model, {id(tensor): tensor for tensor in own})


def copied(model: Model) -> Model:
    """The model with modules and weights of its own."""
    return _copied(model, {})


def _copied(model: Model, shared: dict[int, Any]) -> Model:
    # Both at once, so that the parts are those of the copy.
    module, parts = copy.deepcopy((model.module, model.anatomy), shared)
    return replace(model, module=module, anatomy=parts)
