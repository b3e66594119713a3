"""TransformerLens' bridge over a copy of a model: slow, hookable, the reference for our own passes."""

from __future__ import annotations

import copy
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from transformer_lens.model_bridge import TransformerBridge

from semphase.errors import SemphaseError
from semphase.models.model import Model
from semphase.models.quiet import quiet

_DROPPED_EDIT = r"(?s).*edit is discarded"


def bridge(model: Model) -> Any:
    """A TransformerBridge over a deep copy of the model's module, in evaluation mode with eager attention.

    The bridge adds no processing to that of the model. Give it token ids: its own tokenizer has
    TransformerLens' BOS rule, not the model's.
    """
    module = copy.deepcopy(model.module)
    # Gemma 3 text models are saved without it, and the bridge chooses its adapter by it.
    module.config.architectures = [type(module).__name__]
    module.set_attn_implementation("eager")
    # The bridge reads the tokenizer anew from where it was saved, which may be nowhere.
    with quiet(), tempfile.TemporaryDirectory() as home:
        model.tokenizer.save_pretrained(home)
        wrapped = TransformerBridge.boot_transformers(
            model.name,
            hf_model=module,
            tokenizer=type(model.tokenizer).from_pretrained(home),
            device=str(model.device),
            dtype=model.dtype,
        )
    # It leaves the module in training mode.
    return wrapped.eval().requires_grad_(False)


@contextmanager
def edits_must_count() -> Iterator[None]:
    """Inside the block a hook's edit that TransformerLens would drop with a warning is a SemphaseError."""
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message=_DROPPED_EDIT, category=UserWarning)
        try:
            yield
        except UserWarning as dropped:
            hook = str(dropped).partition(" returned")[0].removeprefix("A hook on ")
            raise SemphaseError(
                f"TransformerLens drops edits at {hook}, since that attention computes inside transformers"
            ) from None
