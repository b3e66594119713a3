"""Of a model with several senses, what reads and writes text: the others are dropped, and nothing else."""

from __future__ import annotations

from typing import Any

from transformers import AutoModelForCausalLM, AutoModelForImageTextToText, PreTrainedConfig, PreTrainedModel
from transformers.models.auto.modeling_auto import MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING

from semphase.models.probing import passed_alone


def has_senses(config: PreTrainedConfig) -> bool:
    """Is text one of several things that a model of this configuration takes?"""
    return config.get_text_config() is not config and type(config) in MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING


def auto_class(config: PreTrainedConfig) -> Any:
    """What makes the module that the weights of such a configuration are saved from."""
    return AutoModelForImageTextToText if has_senses(config) else AutoModelForCausalLM


def without_senses(module: PreTrainedModel) -> PreTrainedModel:
    """The module without the parts beside its decoder that do not run on text alone; it is changed in place.

    Raises Unfit for one that does not run on text alone.
    """
    if not has_senses(module.config):
        return module
    module.eval()
    seen, _ = passed_alone(module, list(module.modules()))
    text = set(module.get_decoder().modules())
    for part in [part for part in module.modules() if part not in text]:
        for name, child in list(part.named_children()):
            if not (text | seen.keys()) & set(child.modules()):
                setattr(part, name, None)
    return module
