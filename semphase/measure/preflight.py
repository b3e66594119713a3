"""Before an intervention's numbers count: does the seam leave the model as it is, and does a change reach it?"""

from __future__ import annotations

import math

import torch
from jaxtyping import Int
from torch import Tensor
from torch.nn import functional

from semphase.errors import SemphaseError
from semphase.measure.changes import Ablated
from semphase.measure.replay import Replay
from semphase.models import Model
from semphase.tolerances import loss_tolerance

POSITIONS = 256
LEAST_EFFECT = 10.0
"""A third of the heads must move the loss by this many tolerances."""


def preflight(model: Model, ids: Int[Tensor, "chunk position"]) -> tuple[float, float]:
    """How far the seam moves the loss unchanged, and how far with a third of the heads zeroed, in nats per token.

    Raises SemphaseError where the first is more than rounding or the second is nothing: an intervention that does
    nothing is an error, not a null result.
    """
    sample = ids[:1, :POSITIONS].to(model.device)
    own, tolerance = model_loss(model, sample), loss_tolerance(str(model.dtype).removeprefix("torch."))
    third = tuple(range(0, model.heads, 3))
    with Replay(model, sample) as replay:
        if not math.isfinite(own):
            raise SemphaseError(
                f"the loss of {model.name} is {own} before any change, for {_first_broken(replay)}; check the weights or "
                "choose a wider --dtype."
            )
        kept = abs(float(replay.in_force.double().mean()) - own)
        zeroed = replay.losses({layer: Ablated(third) for layer in range(model.layers)})
        moved = abs(float(zeroed.double().mean()) - own)
    if not kept <= tolerance * max(1.0, own):
        raise SemphaseError(
            f"passing the attention of {model.name} ({model.family}) through unchanged moves the loss by {kept:.2g} "
            "nats per token, so no change of it could be trusted; choose a model of another family."
        )
    if not moved > LEAST_EFFECT * tolerance:
        raise SemphaseError(
            f"zeroing a third of the heads of {model.name} moves the loss by {moved:.2g} nats per token, so changes "
            "do not reach its attention; choose a model of another family."
        )
    return kept, moved


def _first_broken(replay: Replay) -> str:
    """Where numbers stop being finite."""
    for block in range(replay.model.layers):
        if not bool(replay.stream(block + 1).isfinite().all()):
            return f"what block {block} writes is not finite"
    return "the readout is not finite"


def model_loss(model: Model, ids: Int[Tensor, "chunk position"]) -> float:
    """The mean loss by the model's own forward pass and whole logits."""
    with torch.no_grad():
        logits = model.module(input_ids=ids, use_cache=False).logits[:, :-1].flatten(0, 1)
    # In float64: torch sums thousands of float32 exponentials with an error of 1e-5, more than is asked of the seam.
    return float(functional.cross_entropy(logits.double(), ids[:, 1:].flatten()))
