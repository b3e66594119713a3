"""Residual streams and attention writes at one position of each prompt."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np
import torch
import xarray as xr
from jaxtyping import Float, Int
from torch import Tensor, nn

from semphase.errors import SemphaseError
from semphase.measure.halving import in_passes
from semphase.measure.measurement import measurement
from semphase.measure.targets import Target
from semphase.models import Model, write_of
from semphase.models.model import Unwritten
from semphase.models.probing import first_of

TOKENS_PER_BATCH = 2048
Advance = Callable[[int], None]


@measurement(version=1)
def capture_streams(model: Model, targets: Sequence[Target], advance: Advance = lambda _: None) -> xr.Dataset:
    """The stream at each target, and what each block's attention adds to it there.

    Returns a dataset with `stream` (prompt, layer, d), layer 0 entering the first block and layer k leaving
    block k − 1, `attention` (prompt, block, d), nan where blocks do anything but add what it writes, and the
    coordinates word, role, index, text and pieces of each prompt. Units are the model's own. Raises `SemphaseError`
    naming layer and prompt for non-finite numbers.
    """
    stream = np.empty((len(targets), model.layers + 1, model.d_model), np.float32)
    attention = np.full((len(targets), model.layers, model.d_model), np.nan, np.float32)

    def captured(batch: list[int]) -> tuple[list[Tensor], list[Tensor]]:
        chosen = [targets[i] for i in batch]
        ids, mask = pad(model, [target.tokens for target in chosen])
        where = torch.tensor([target.position for target in chosen], device=model.device)
        with reading(model, where) as found:
            run_blocks(model, ids, mask)
        return found

    for batch, (streams, writes) in in_passes(model, batches(targets, TOKENS_PER_BATCH), captured):
        stream[batch] = torch.stack(streams, dim=1).float().cpu().numpy()
        if writes:
            attention[batch] = torch.stack(writes, dim=1).float().cpu().numpy()
        advance(len(batch))
    _require_finite(stream, targets, model)
    return _label(stream, attention, targets)


def batches(targets: Sequence[Target], tokens: int) -> Iterator[list[int]]:
    """Indices of prompts of similar length, each batch at most `tokens` padded tokens (or one prompt)."""
    batch: list[int] = []
    for i in sorted(range(len(targets)), key=lambda i: len(targets[i].tokens)):
        if batch and (len(batch) + 1) * len(targets[i].tokens) > tokens:
            yield batch
            batch = []
        batch.append(i)
    if batch:
        yield batch


def pad(
    model: Model, prompts: Sequence[Sequence[int]]
) -> tuple[Int[Tensor, "prompt token"], Int[Tensor, "prompt token"]]:
    """Token ids padded on the right, where a causal model cannot see them, and their attention mask."""
    longest = max(len(tokens) for tokens in prompts)
    ids = torch.zeros(len(prompts), longest, dtype=torch.long)
    mask = torch.zeros(len(prompts), longest, dtype=torch.long)
    for row, tokens in enumerate(prompts):
        ids[row, : len(tokens)] = torch.tensor(tokens)
        mask[row, : len(tokens)] = 1
    return ids.to(model.device), mask.to(model.device)


def run_blocks(model: Model, ids: Int[Tensor, "prompt token"], mask: Int[Tensor, "prompt token"]) -> None:
    """One forward pass without the unembedding; what is wanted is read by hooks."""
    # no_grad, not inference mode: there, a dispatch mode would see `linear` instead of its matrix products.
    with torch.no_grad():
        model.module.base_model(input_ids=ids, attention_mask=mask, use_cache=False)


@contextmanager
def reading(
    model: Model, position: Int[Tensor, " prompt"]
) -> Iterator[tuple[list[Float[Tensor, "prompt d"]], list[Float[Tensor, "prompt d"]]]]:
    """Collect the stream (layers 0 … L) and the attention writes (blocks) at one position of each prompt."""
    streams: list[Tensor] = []
    writes: list[Tensor] = []
    entering: list[Tensor] = []
    rows = torch.arange(len(position), device=position.device)

    def enter(_module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        streams.append(first_tensor(args if args else kwargs["hidden_states"])[rows, position])

    def leave(_module: nn.Module, _args: Any, output: Any) -> None:
        streams.append(first_tensor(output)[rows, position])

    def write(_module: nn.Module, _args: Any, output: Any) -> None:
        # Some families flatten the batch; the block's input has the shape to read by.
        writes.append(write_of(output, entering[0]).to(position.device)[rows, position])

    def remember(_module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        entering[:] = [first_tensor(args if args else kwargs["hidden_states"])]

    with ExitStack() as hooks:
        blocks = model.anatomy.blocks
        hooks.callback(blocks[0].register_forward_pre_hook(enter, with_kwargs=True).remove)
        for block in blocks:
            hooks.callback(block.register_forward_pre_hook(remember, with_kwargs=True).remove)
            hooks.callback(block.register_forward_hook(leave).remove)
        for attention in () if isinstance(model.anatomy.attention, Unwritten) else model.anatomy.attention:
            hooks.callback(attention.register_forward_hook(write).remove)
        yield streams, writes


def first_tensor(output: Any) -> Tensor:
    """The hidden states in a module's output or arguments, which may be a tuple that starts with them."""
    found = first_of(output)
    assert isinstance(found, Tensor)
    return found


def _require_finite(stream: Float[np.ndarray, "prompt layer d"], targets: Sequence[Target], model: Model) -> None:
    broken = np.argwhere(~np.isfinite(stream).all(axis=-1))
    if len(broken):
        row, layer = broken[np.argmin(broken[:, 1])]
        raise SemphaseError(
            f"the activations of {model.name} are not finite at layer {layer} of the prompt "
            f"{targets[row].prompt.text!r}; check the weights or choose a wider --dtype."
        )


def _label(
    stream: Float[np.ndarray, "prompt layer d"],
    attention: Float[np.ndarray, "prompt block d"],
    targets: Sequence[Target],
) -> xr.Dataset:
    coordinates = {
        "word": ("prompt", [target.prompt.word for target in targets]),
        "role": ("prompt", [target.prompt.role for target in targets]),
        "index": ("prompt", [target.prompt.index for target in targets]),
        "text": ("prompt", [target.prompt.text for target in targets]),
        "pieces": ("prompt", [target.pieces for target in targets]),
    }
    return xr.Dataset(
        {"stream": (("prompt", "layer", "d"), stream), "attention": (("prompt", "block", "d"), attention)},
        coords=coordinates,
        attrs={"unit": "residual stream units of the model"},
    )
