"""One model of a scaling run, in a process of its own: what a block and the readout take, and the peak of the memory."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import torch
from device_memory import counted
from scaling_laws import Point, Shape
from transformers import AutoConfig, AutoModelForCausalLM
from worker import memory, memory_counts_from_here

from semphase.measure.changes import Ablated
from semphase.measure.losses import token_losses
from semphase.measure.products.around import products
from semphase.measure.products.exact import replay_of
from semphase.measure.timing import wait_for
from semphase.models import Model, load
from semphase.models.assemble import assemble

ROUNDS = 3
RANDOM: dict[str, dict[str, int]] = {
    "random 0.5B": {"hidden_size": 1280, "intermediate_size": 3456, "num_hidden_layers": 24, "num_attention_heads": 20},
    "random 1.0B": {"hidden_size": 1792, "intermediate_size": 4864, "num_hidden_layers": 24, "num_attention_heads": 28},
    "random 1.5B": {"hidden_size": 2048, "intermediate_size": 5504, "num_hidden_layers": 28, "num_attention_heads": 16},
}
"""Random weights in the shape of Llama's blocks."""
VOCABULARY = 32_000


def opened(name: str, device: str) -> Model:
    """A model by its name; those of `RANDOM` are drawn."""
    if name not in RANDOM:
        return load(name, device=device, processing="raw")
    config = AutoConfig.for_model("llama", **RANDOM[name], vocab_size=VOCABULARY)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        module = AutoModelForCausalLM.from_config(config)
    wanted, tokenizer = torch.device(device), load("tiny", device="cpu").tokenizer
    return assemble(module, tokenizer, name=name, sha256="", processing="raw", device=wanted, dtype=torch.float32)


def shape_of(model: Model) -> Shape:
    """What a law reads of a model."""
    block = model.anatomy.blocks[0]
    inside = sum(part.weight.numel() for parent, _, part in products(model) if parent in set(block.modules()))
    return Shape(
        model.name, model.layers, model.heads, model.d_model, model.heads * model.d_head, inside, model.vocabulary
    )


def measured(model: Model, tokens: int, length: int) -> Point:
    """Seconds of a block and of the readout on random tokens, least of several rounds."""
    draw = torch.Generator().manual_seed(0)
    ids = torch.randint(10, min(model.vocabulary, 300), (tokens // length, length), generator=draw)
    memory_counts_from_here()
    on_card = counted(model.device)
    with replay_of(model, ids) as replay:
        stream, blocks = replay.stream(model.layers), model.layers - 1
        first, last, readout = (
            _least(model, run)
            for run in (
                lambda: replay.losses({0: Ablated((0,))}),
                lambda: replay.losses({blocks: Ablated((0,))}),
                lambda: token_losses(model, stream, replay.ids),
            )
        )
    peak = int(on_card.get("memory", memory)()["mib"] * 2**20)
    return Point(shape_of(model), tokens, length, (first - last) / blocks, readout, peak)


def _least(model: Model, run: Callable[[], Any]) -> float:
    """Seconds of the fastest round."""
    return min(_seconds(model, run) for _ in range(ROUNDS))


def _seconds(model: Model, run: Callable[[], Any]) -> float:
    begun = time.perf_counter()
    with torch.no_grad():
        run()
    wait_for(model.device)
    return time.perf_counter() - begun


def main(name: str, device: str, tokens: str, length: str) -> None:
    """Print a point as JSON."""
    found = measured(opened(name, device), int(tokens), int(length))
    print(json.dumps(asdict(found)))


if __name__ == "__main__":
    main(*sys.argv[1:])
