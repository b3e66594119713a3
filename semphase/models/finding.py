"""The parts of a model, found by what they do in a short pass: no family needs to be known by name.

Blocks are the modules of the longest list that pass a stream on from one to the next, the final norm is what stands
between the last of them and the unembedding, and a block's attention and MLP are the two of its parts whose outputs, times
the factor that some families give them, are what it adds to the stream.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from semphase.models.model import Anatomy, Unwritten
from semphase.models.probing import (
    Passed,
    first_of,
    is_attention,
    is_stream,
    is_write,
    passed,
    passed_alone,
    probe_tokens,
    unfit,
    write_of,
)
from semphase.models.readout import finish_of

MULTIPLIERS = ("residual_multiplier", "residual_scale")
"""What the blocks of some families call the number that multiplies what they add."""
Seen = Mapping[nn.Module, Passed]
Parts = tuple[nn.Module, ...]


def found(module: PreTrainedModel) -> Anatomy:
    """The parts of a model; Unfit, in one sentence, for one that is no causal decoder of blocks with attention.

    Where a block multiplies what it adds, its attention and MLP do that themselves from now on, to the same bit. The writes
    of a model whose blocks do anything else to the stream are not there to be read (`Unwritten`).
    """
    seen, logits = passed_alone(module, list(module.modules()))
    embed, unembed = _ends(module)
    blocks = _blocks(module, seen)
    norm = _final_norm(module, seen, blocks, unembed)
    _require_causal(module, blocks, seen)
    require_readout(module, seen[unembed].gave, logits)
    for layer, block in enumerate(blocks):
        if not any(is_attention(name) for name, part in _inside(block) if part in seen):
            raise unfit(module, f"block {layer} has no attention")
    attention, mlp, neurons = _writers(module, blocks, seen)
    return Anatomy(
        embed=embed,
        blocks=blocks,
        attention=attention,
        mlp=mlp,
        final_norm=norm,
        unembed=unembed,
        neurons=neurons,
    )


def _writers(module: PreTrainedModel, blocks: Parts, seen: Seen) -> tuple[Parts, Parts, Parts]:
    """What writes in each block, and the projections of neurons, where there are such."""
    pairs = [pair for block in blocks if (pair := _writing(block, seen))]
    if len(pairs) < len(blocks):
        return (unwritten := Unwritten.of(module.config.model_type)), unwritten, ()
    for block, pair in zip(blocks, pairs, strict=True):
        _multiply_early(block, pair)
    attention, mlp = (tuple(own) for own in zip(*pairs, strict=True))
    neurons = tuple(part for own in mlp if (part := _output_projection(own, seen)))
    return attention, mlp, neurons if len(neurons) == len(mlp) else ()


def require_readout(module: PreTrainedModel, raw: Tensor, logits: Tensor) -> None:
    """Unfit where the logits are not what the configuration makes of the unembedding's products."""
    made = finish_of(module)(raw)
    if made.shape != logits.shape or float((made - logits).abs().max()) > _slack(logits):
        raise unfit(module, "its logits are not those of the unembedding")


def _ends(module: PreTrainedModel) -> tuple[nn.Module, nn.Module]:
    embed, unembed = module.get_input_embeddings(), module.get_output_embeddings()
    if embed is None or unembed is None:
        raise unfit(module, "it has no embedding and unembedding of tokens")
    return embed, unembed


def _blocks(module: PreTrainedModel, seen: Seen) -> tuple[nn.Module, ...]:
    lists = [tuple(part) for part in module.modules() if isinstance(part, nn.ModuleList) and len(part)]
    chains = [own for own in lists if _passes_on(own, seen)]
    if not chains:
        raise unfit(module, "no list of blocks passes one stream on from each to the next")
    return max(chains, key=len)


def _passes_on(blocks: Sequence[nn.Module], seen: Seen) -> bool:
    if not all(block in seen and is_stream(seen[block].given) for block in blocks):
        return False
    gave = [first_of(seen[block].gave) for block in blocks]
    if not all(is_stream(own) and own.shape == seen[blocks[0]].given.shape for own in gave):
        return False
    return all(torch.equal(own, seen[after].given) for own, (_, after) in zip(gave, pairwise(blocks), strict=False))


def _final_norm(module: PreTrainedModel, seen: Seen, blocks: Sequence[nn.Module], unembed: nn.Module) -> nn.Module:
    last = first_of(seen[blocks[-1]].gave)
    if unembed in seen:
        wanted = seen[unembed].given
        for part, own in seen.items():
            if part not in blocks and _same(own.given, last) and _same(first_of(own.gave), wanted):
                return part
    raise unfit(module, "no final norm stands between the last block and the unembedding")


def _same(one: Any, other: Any) -> bool:
    return (
        isinstance(one, Tensor) and isinstance(other, Tensor) and one.shape == other.shape and torch.equal(one, other)
    )


def _require_causal(module: PreTrainedModel, blocks: Sequence[nn.Module], seen: Seen) -> None:
    """Unfit where a later token moves the stream at an earlier position; experts that take turns may round it otherwise."""
    tokens = probe_tokens(module)
    tokens[0, -1] = tokens[0, 0]
    other, _ = passed(module, blocks[-1:], tokens)
    one, two = (first_of(own[blocks[-1]].gave)[:, :-1] for own in (seen, other))
    eps = torch.finfo(one.dtype).eps
    # Attention that was never trained is nearly even, so what one token moves is small: rounding is far less.
    if float((one - two).norm()) > min(100 * eps, eps**0.5) * float(one.norm()):
        raise unfit(module, "its positions see later ones")


def _multiplier(block: nn.Module) -> float:
    return float(next((own for own in map(vars(block).get, MULTIPLIERS) if own is not None), 1.0))


def _writing(block: nn.Module, seen: Seen) -> tuple[nn.Module, nn.Module] | None:
    """The attention and the MLP of a block that adds them to the stream, and nothing else; outer parts rather than inner."""
    before, after = seen[block].given, first_of(seen[block].gave)
    factor, slack = _multiplier(block), _slack(before, after)
    writes = {
        part: factor * write_of(seen[part].gave, before)
        for _, part in _inside(block)
        if part in seen and is_write(seen[part].gave, before)
    }
    for one, own in writes.items():
        rest = after - before - own
        for other, write in writes.items():
            if one is not other and float((rest - write).abs().max()) <= slack:
                return _attentionfirst_of(block, one, other, seen)
    return None


def _attentionfirst_of(block: nn.Module, one: nn.Module, other: nn.Module, seen: Seen) -> tuple[nn.Module, nn.Module]:
    """By the word in its path, else by which ran first."""
    names = {part: name for name, part in _inside(block)}
    named = [is_attention(names[part]) for part in (one, other)]
    if named[0] != named[1]:
        return (one, other) if named[0] else (other, one)
    order = list(seen)
    return (one, other) if order.index(one) < order.index(other) else (other, one)


def _inside(block: nn.Module) -> list[tuple[str, nn.Module]]:
    """The parts of a block by path and class, the outer ones first."""
    named = [
        (f"{name} {type(part).__name__}", part)
        for name, part in block.named_modules()
        if name and not isinstance(part, nn.Dropout)
    ]
    return sorted(named, key=lambda own: own[0].count("."))


def _multiply_early(block: nn.Module, writing: Iterable[nn.Module]) -> None:
    """Let the parts multiply what they write, in place of the block."""
    factor = _multiplier(block)
    if factor == 1:
        return
    for part in writing:
        part.register_forward_hook(partial(_multiplied, factor))
    for name in MULTIPLIERS:
        if name in vars(block):
            setattr(block, name, 1.0)


def _multiplied(factor: float, _part: nn.Module, _args: Any, output: Any) -> Any:
    return (output[0] * factor, *output[1:]) if isinstance(output, tuple) else output * factor


def _output_projection(mlp: nn.Module, seen: Seen) -> nn.Module | None:
    """The matrix whose products are what an MLP gives."""
    gave = first_of(seen[mlp].gave)
    for part in mlp.modules():
        matrix = isinstance(part, nn.Linear | Conv1D) and part in seen and is_write(seen[part].gave, gave)
        if matrix and torch.equal(seen[part].gave.reshape(gave.shape), gave):
            return part
    return None


def _slack(*values: Tensor) -> float:
    """A few roundings of sums of such values."""
    return 4 * torch.finfo(values[0].dtype).eps * sum(float(value.abs().max()) for value in values)
