"""One forward pass over a batch under changes, without the unembedding."""

from __future__ import annotations

from jaxtyping import Float, Int
from torch import Tensor

from semphase.measure.blocks import EMBEDDING, BlockChanges, Blocks, Stream, attention_changes, embedded, entered
from semphase.measure.losses import token_losses, unembedding
from semphase.measure.seam import attending
from semphase.models import Model


def final_stream(
    model: Model, ids: Int[Tensor, "row position"], changes: BlockChanges, until: int | None = None
) -> Stream:
    """What leaves the last block, or what enters block `until`, after what happens there."""
    end = model.layers if until is None else until
    blocks = Blocks(model, ids[:1])
    with attending(model, attention_changes(changes)):
        stream = embedded(model, ids, changes.get(EMBEDDING))
        for layer in range(end):
            stream = blocks.through(layer, stream, changes.get(layer))
    return entered(changes.get(end), stream)


def all_logits(model: Model, stream: Float[Tensor, "*any d"]) -> Float[Tensor, "*any vocabulary"]:
    """Final norm and unembedding of what leaves the last block."""
    return unembedding(model).all(model.anatomy.final_norm(stream))


def losses_of(
    model: Model, stream: Stream, ids: Int[Tensor, "row position"], lengths: tuple[int, ...]
) -> Float[Tensor, "row predicted"]:
    """−log p in nats of each token given those before it; nan behind a row's end."""
    losses = token_losses(model, stream, ids)
    for row, length in enumerate(lengths):
        losses[row, length - 1 :] = float("nan")
    return losses
