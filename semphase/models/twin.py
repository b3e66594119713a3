"""A second module on the weights of a model, whose parts may be replaced."""

from __future__ import annotations

import copy
from dataclasses import replace

from semphase.models.anatomy import transferred
from semphase.models.model import Model


def twin(model: Model) -> Model:
    """The model with modules of its own; parameters and buffers are those of the given one, and not copied."""
    own = [*model.module.parameters(), *model.module.buffers()]
    module = copy.deepcopy(model.module, {id(tensor): tensor for tensor in own})
    return replace(model, module=module, anatomy=transferred(model.anatomy, model.module, module))
