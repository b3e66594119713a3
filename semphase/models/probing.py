"""One short pass over a model, and what its modules were given and gave in it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from transformers import PreTrainedModel

from semphase.errors import SemphaseError
from semphase.models.memory import NoRoom, lacks_memory

_TOKENS = 8
REFUSALS = (ValueError, TypeError, RuntimeError, AttributeError, KeyError, IndexError, AssertionError, ImportError)
"""What the code of a family raises where it is given less than it needs."""


class Unfit(SemphaseError):
    """A family whose parts are not where they were looked for."""


@dataclass(frozen=True, slots=True, eq=False)
class Passed:
    """What a module was given first, and what it gave."""

    given: Any
    gave: Any


def unfit(module: PreTrainedModel, why: str) -> Unfit:
    """The refusal of a family."""
    return Unfit(
        f"the family {module.config.model_type!r} cannot be measured ({why}); "
        "families such as gpt2, llama, qwen2, gemma3_text, gpt_neox, opt, mistral and phi can"
    )


def first_of(output: Any) -> Any:
    """What a module gives first, where it gives several things."""
    return output[0] if isinstance(output, tuple) and output else output


def write_of(output: Any, stream: Float[Tensor, "prompt position d_model"]) -> Float[Tensor, "prompt position d_model"]:
    """What a module's output adds to the stream: the first part of a tuple, in the stream's shape."""
    write: Tensor = first_of(output)
    return write.reshape(stream.shape)


def is_stream(value: Any) -> bool:
    """Is a value of the shape [prompt, position, d_model]?"""
    return isinstance(value, Tensor) and value.ndim == 3 and value.is_floating_point()


def is_write(output: Any, stream: Any) -> bool:
    """Has a module's output as many components as the stream?"""
    first = first_of(output)
    return isinstance(first, Tensor) and first.is_floating_point() and first.numel() == stream.numel()


def is_attention(path: str) -> bool:
    """Does the path of a part say that it belongs to attention? That of a norm behind one does not."""
    return any("att" in step and "norm" not in step for step in re.split(r"[. ]", path.lower()))


def probe_tokens(module: PreTrainedModel) -> Int[Tensor, "1 position"]:
    """A short text of different tokens."""
    vocabulary = module.config.get_text_config().vocab_size
    return torch.arange(1, 1 + _TOKENS).mul(7919).remainder(vocabulary)[None].to(module.device)


def passed(
    module: PreTrainedModel, watched: Iterable[nn.Module], tokens: Int[Tensor, "row position"]
) -> tuple[dict[nn.Module, Passed], Tensor]:
    """What the modules that ran were given and gave, in the order in which they ended, and the logits.

    Some families add to an output in place, so what is kept are copies.
    """
    seen: dict[nn.Module, Passed] = {}

    def keep(part: nn.Module, args: tuple[Any, ...], named: dict[str, Any], output: Any) -> None:
        given = args[0] if args else named.get("hidden_states")
        seen[part] = Passed(_copied(given, tokens.device), _copied(output, tokens.device))

    handles = [part.register_forward_hook(keep, with_kwargs=True) for part in watched]
    try:
        with torch.no_grad():
            logits = module(tokens, use_cache=False).logits
    finally:
        for handle in handles:
            handle.remove()
    return seen, logits


def passed_alone(module: PreTrainedModel, watched: Iterable[nn.Module]) -> tuple[dict[nn.Module, Passed], Tensor]:
    """The same of the short text; Unfit for a model that does not run on tokens alone."""
    try:
        return passed(module, watched, probe_tokens(module))
    except REFUSALS as error:
        if lacks_memory(error):
            raise NoRoom(
                f"there is no memory for a short text beside the weights of a {module.config.model_type} model; "
                "choose a narrower --dtype or --device cpu."
            ) from None
        reason = str(error).strip().partition("\n")[0].rstrip(".") or type(error).__name__
        raise unfit(module, f"it does not run on tokens alone: {reason}") from None


def _copied(value: Any, device: torch.device) -> Any:
    first = first_of(value)
    copy = first.to(device, copy=True) if isinstance(first, Tensor) else first
    return (copy, *value[1:]) if isinstance(value, tuple) and value else copy
