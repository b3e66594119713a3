"""What becomes of a small model of a family: equal to its own code with eager attention, or refused in a sentence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from families.reference import Eager, eager
from families.small import FAMILIES, HEADS, SENSES, small
from random_models import word_tokenizer
from transformers import PreTrainedModel

from semphase.errors import SemphaseError
from semphase.measure.changes import Ablated
from semphase.measure.replay import Replay
from semphase.models import Model
from semphase.models.assemble import assemble
from semphase.models.senses import without_senses

HEAD = 2
STREAM, LOSS = 1e-5, 1e-5
"""Rounding in float32: of streams by their length, of mean losses in nats."""
IDS = torch.randint(3, 90, (2, 14), generator=torch.Generator().manual_seed(0))
Kind = Literal["equal", "refused", "not built"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a family; `closed` are the layers whose heads are refused, `reason` the sentence that says why."""

    family: str
    kind: Kind
    layers: int = 0
    closed: tuple[int, ...] = ()
    reason: str = ""

    @property
    def name(self) -> str:
        """Its class in transformers."""
        return (FAMILIES | SENSES)[self.family]


def outcome(family: str) -> Outcome:
    """AssertionError where anything else becomes of it."""
    try:
        module = small(family)
    except ValueError as error:
        return Outcome(family, "not built", reason=str(error))
    try:
        return compared(family, module)
    except SemphaseError as refusal:
        return Outcome(family, "refused", reason=_sentence(refusal))


def compared(family: str, module: PreTrainedModel) -> Outcome:
    """The streams of a model, and its losses without one head of each layer, against those of a copy made before."""
    own = eager(module, IDS, 0, HEADS)
    model = assembled(family, without_senses(module))
    own = Eager(own.module, IDS, model.layers, model.heads)
    with Replay(model, IDS) as replay:
        require_streams(replay, own)
        closed, reason = _heads(replay, own)
    return Outcome(family, "equal", model.layers, closed, reason)


def assembled(family: str, module: PreTrainedModel) -> Model:
    """A model to measure."""
    cpu, dtype = torch.device("cpu"), torch.float32
    given = {"name": family, "sha256": "0" * 64, "processing": "raw", "device": cpu, "dtype": dtype}
    return assemble(module, word_tokenizer(), **given)


def require_streams(replay: Replay, own: Eager) -> None:
    """Are streams and losses those of the reference?"""
    model, wanted = replay.model, own.streams()
    found = [replay.stream(layer) for layer in range(model.layers + 1)]
    for layer, (one, other) in enumerate(zip(found, wanted, strict=True)):
        apart = float((one - other).norm() / other.norm())
        assert apart < STREAM, f"the stream of {model.name} at layer {layer} differs by {apart:.1e}"
    _require_close(model.name, float(replay.in_force.double().mean()), own.loss())


def _heads(replay: Replay, own: Eager) -> tuple[tuple[int, ...], str]:
    """The layers whose heads are refused, and the sentence of the last; AssertionError for losses that differ."""
    closed, reason, moved = [], "", []
    for layer in range(replay.model.layers):
        try:
            found = float(replay.losses({layer: Ablated((HEAD,))}).double().mean())
        except SemphaseError as refusal:
            closed.append(layer)
            reason = _sentence(refusal)
            continue
        wanted = own.loss_without(layer, HEAD)
        _require_close(f"{replay.model.name} without a head of layer {layer}", found, wanted)
        moved.append(abs(wanted - own.loss()))
    # A head that moves nothing would prove nothing.
    assert not moved or max(moved) > 2 * LOSS, f"no head of {replay.model.name} moves the loss"
    return tuple(closed), reason


def _require_close(what: str, found: float, wanted: float) -> None:
    assert abs(found - wanted) < LOSS, f"the loss of {what} is {found}, not {wanted}"


def _sentence(refusal: SemphaseError) -> str:
    said = str(refusal)
    assert "\n" not in said
    assert len(said) < 400
    return said
