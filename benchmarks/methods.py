"""The methods that are compared, each in a process of its own: TransformerLens' hooks, the engine, the engine screening.

Heads are pairs [layer, head]; losses come back summed in float64 over the predicted tokens of a group of chunks.
"""

from __future__ import annotations

import json
import math
import time
from argparse import Namespace
from functools import cached_property, partial
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import torch
from counting import product_speed, replay_flops
from jaxtyping import Int
from torch import Tensor
from worker import Operations, Reply, timed

from semphase.data.corpus import sources
from semphase.errors import SemphaseError
from semphase.measure.changes import Ablated
from semphase.measure.replay import Replay
from semphase.measure.screening.ways import Make, Product, Way, fastest, screening, speedups, worth_screening
from semphase.measure.sweeps import head_by_head, pass_tokens, substitute
from semphase.measure.text import CHUNK, text_chunks
from semphase.models import Model, load
from semphase.models.quiet import quiet
from semphase.models.reference import bridge, edits_must_count
from semphase.science.heads.facet import SHARE
from semphase.science.heads.rankings import POINTS
from semphase.science.heads.screened import near_decisions

SMOKE_LENGTH = 256
PROJECTIONS = ("c_proj", "o_proj", "out_proj", "dense")
ZERO = substitute("zero")
Heads = list[list[int]]


def ready(options: Namespace) -> tuple[Reply, Operations]:
    """What to say first and what can be asked of the method `options.only`."""
    # Raw weights for all, since a folder written from folded ones would be read as another model.
    model = load(options.model, device="cpu", processing="raw")
    corpus = sources.load(options.corpus) if options.corpus else sources.default_corpus(options.model)[0]
    text, main = _chunks(model, corpus, options)
    facts = {
        "layers": model.layers, "heads": model.heads, "chunks": main, "length": text.shape[1],
        "group": max(1, pass_tokens(model) // text.shape[1]), "corpus": corpus.name, "model": model.name,
        "parameters": model.parameters, "size": model.size_class, "torch": torch.__version__,
        "threads": torch.get_num_threads(),
    }  # fmt: skip
    method = {"a": Hooks, "aa": Hooks, "c": Engine, "d": Screening}[options.only]
    return facts, method(model, text, main, facts["group"]).operations


def _chunks(model: Model, corpus: sources.Corpus, options: Namespace) -> tuple[Int[Tensor, "chunk position"], int]:
    """All chunks of text that the run reads, and how many of them the comparison does."""
    length = min(SMOKE_LENGTH if options.smoke else CHUNK, model.context)
    main = max(2, options.tokens // length)
    wanted = 2 * main if options.growth else main
    ids = text_chunks(model, corpus.text, wanted * length, name=f"the corpus {corpus.name}", length=length)
    sources.require_tokens(corpus, ids.size, wanted * length)
    return torch.from_numpy(ids), main


class Method:
    """A text in groups of chunks that one pass takes together."""

    def __init__(self, model: Model, text: Int[Tensor, "chunk position"], main: int, group: int) -> None:
        self.model, self.text, self.size = model, text, group
        self.groups = text[:main].split(group)

    @property
    def operations(self) -> Operations:
        """What can be asked."""
        return {"warm": self.warm, "heads": self.heads}

    def warm(self) -> Reply:
        """The unchanged loss, after a head on the way."""
        raise NotImplementedError

    def heads(self, group: int, heads: Heads) -> Reply:
        """Summed losses with each head zeroed alone on one group of chunks, with the seconds they took."""
        raise NotImplementedError


class Hooks(Method):
    """(a) A loop of TransformerLens' `run_with_hooks`, one whole forward pass for each head."""

    def __init__(self, model: Model, *text: Any) -> None:
        super().__init__(model, *text)
        self.bridge = bridge(model)
        del self.model  # the bridge has a copy of its own

    def warm(self) -> Reply:
        """The unchanged loss, after a head on the way."""
        self._loss(0, 0, 0)
        return {"baseline": sum(self._loss(group, 0, None) for group in range(len(self.groups)))}

    def heads(self, group: int, heads: Heads) -> Reply:
        """Summed losses with each head zeroed alone on one group of chunks, with the seconds they took."""
        return timed(partial(self._loss, group), heads)

    def _loss(self, group: int, layer: int, head: int | None) -> float:
        def zero(z: Tensor, hook: object) -> Tensor:  # noqa: ARG001 - TransformerLens names it
            z[:, :, head] = 0
            return z

        hooks = [] if head is None else [(f"blocks.{layer}.attn.hook_z", zero)]
        asked: dict[str, Any] = {"return_type": "loss", "loss_per_token": True}
        with torch.no_grad(), edits_must_count():
            return float(self.bridge.run_with_hooks(self.groups[group], fwd_hooks=hooks, **asked).double().sum())


class Replaying(Method):
    """Whatever is replayed, one group of chunks at a time."""

    def __init__(self, model: Model, *text: Any) -> None:
        super().__init__(model, *text)
        self._group = -1
        self._replay: Replay | None = None

    def replay(self, ids: Int[Tensor, "chunk position"]) -> Replay:
        """The replay of one group of chunks."""
        return Replay(self.model, ids)

    def swept(self, group: int, heads: Heads) -> tuple[Replay, Reply]:
        """Summed losses with each head zeroed alone; the replay is made with the first heads of a group."""
        begun = time.perf_counter()
        if self._replay is None or self._group != group:
            self.close()
            self._replay, self._group = self.replay(self.groups[group]), group
        made = time.perf_counter()
        return self._replay, {"setup": made - begun, **_swept(self._replay, heads)}

    def close(self) -> None:
        """Give the replay back."""
        if self._replay is not None:
            self._replay.close()
        self._replay = None


class Engine(Replaying):
    """(c) The engine in float32: replay from the changed layer, the losses in tiles."""

    @property
    def operations(self) -> Operations:
        """What can be asked."""
        more: Operations = {"export": self.export, "growth": self.growth, "flops": self.flops}
        return {**super().operations, **more, "curve": self.curve, "product": self.product}

    def warm(self) -> Reply:
        """The unchanged loss, after a head on the way."""
        baseline = 0.0
        for ids in self.groups:
            with Replay(self.model, ids) as replay:
                head_by_head(replay, self.model.layers // 2, ZERO, [0])
                baseline += float(replay.in_force.double().sum())
        return {"baseline": baseline}

    def heads(self, group: int, heads: Heads) -> Reply:
        """Summed losses with each head zeroed alone on one group of chunks, with the seconds they took."""
        return self.swept(group, heads)[1]

    def growth(self, chunks: int, step: int) -> Reply:
        """Seconds for every so many heads on the first chunks."""
        self.close()
        total = self.model.layers * self.model.heads
        heads = [list(divmod(number, self.model.heads)) for number in range(0, total, step)]
        begun = time.perf_counter()
        for ids in self.text[:chunks].split(self.size):
            with Replay(self.model, ids) as replay:
                _swept(replay, heads)
        return {"seconds": time.perf_counter() - begun, "heads": len(heads)}

    def flops(self, heads: Heads) -> Reply:
        """Floating-point operations of the replay's matrix products for some heads."""
        return {"flops": sum(replay_flops(partial(Replay, self.model, ids), ZERO, heads) for ids in self.groups)}

    def product(self) -> Reply:
        """How fast this machine multiplies matrices just now."""
        return {"gflops": product_speed()}

    def curve(self, order: list[int]) -> Reply:
        """PPL ratios with ever more heads of an order zeroed, in float32; the registered share is among the counts."""
        total = len(order)
        even = np.rint(np.linspace(0, total, POINTS + 1)[1:]).astype(int)
        share = math.floor(SHARE * total)
        counts = sorted({*even.tolist(), share} - {0})
        sums, tokens = np.zeros(len(counts)), sum(ids[:, 1:].numel() for ids in self.groups)
        for ids in self.groups:
            with Replay(self.model, ids) as replay:
                sums += [self._joint(replay, order[:count]) for count in counts]
        return {"counts": counts, "share": share, "ratios": np.exp(sums / tokens).tolist()}

    def _joint(self, replay: Replay, numbers: list[int]) -> float:
        pairs = sorted(divmod(number, self.model.heads) for number in numbers)
        by_layer = groupby(pairs, key=lambda pair: pair[0])
        changes = {layer: Ablated(tuple(head for _, head in own)) for layer, own in by_layer}
        return float((replay.losses(changes).double() - replay.in_force.double()).sum())

    def export(self, folder: str) -> Reply:
        """Write the model, its tokenizer and the text for a method in another environment."""
        home, main = Path(folder), torch.cat(self.groups)
        first, width = _projection(self.model)
        with quiet():
            self.model.module.save_pretrained(home / "model")
            self.model.tokenizer.save_pretrained(home / "model")
        np.save(home / "ids.npy", main.numpy())
        job = {"projection": first, "d_head": width // self.model.heads, "group": self.size}
        (home / "job.json").write_text(json.dumps(job), encoding="utf-8")
        return {}


class Screening(Replaying):
    """(d) The engine screening in the faster way here, and in float32 again for the heads near a decision."""

    def __init__(self, model: Model, *text: Any) -> None:
        super().__init__(model, *text)
        self.made: Make | None = None

    @property
    def operations(self) -> Operations:
        """What can be asked."""
        return {**super().operations, "pays": self.pays, "confirm": self.confirm}

    @cached_property
    def fastest(self) -> Way | None:
        """The engine's choice; made when it is first asked for, since other processes are busy while they load."""
        return fastest(self.model, self.groups[0].numel(), self.gains) if worth_screening(self.model) else None

    @cached_property
    def gains(self) -> dict[Product, float]:
        """How many times faster than float32 either way multiplies."""
        return speedups(self.model)

    @property
    def way(self) -> Way:
        """How to screen, even where it does not pay."""
        return self.fastest or max(self.gains, key=lambda way: self.gains[way])

    def replay(self, ids: Int[Tensor, "chunk position"]) -> Replay:
        """By the model's rough copy, made when it is first wanted."""
        if self.made is None:
            self.made = screening(self.model, self.way)
        return self.made(ids, {})

    def pays(self) -> Reply:
        """Would the engine screen on this machine, how, and how much faster are its products?"""
        return {
            "pays": self.fastest is not None,
            "way": self.way,
            "speedup": self.gains["bfloat16" if self.way == "bfloat16" else "int8"],
        }

    def warm(self) -> Reply:
        """A head on the way; the unchanged loss comes with the confirmation."""
        with screening(self.model, self.way)(self.groups[0], {}) as replay:
            head_by_head(replay, self.model.layers // 2, ZERO, [0])
        return {}

    def heads(self, group: int, heads: Heads) -> Reply:
        """Summed differences from the unchanged loss, screened."""
        replay, found = self.swept(group, heads)
        unchanged = float(replay.in_force.double().sum())
        return {**found, "sums": [own - unchanged for own in found["sums"]]}

    def confirm(self, differences: list[float], heads: Heads, total: int) -> Reply:
        """Losses in float32 of the heads near a decision; `wanted` is how many these would be among all heads."""
        self.close()
        self.made = None
        chosen = near_decisions(np.array(differences), math.floor(SHARE * len(heads))).tolist()
        wanted = len(near_decisions(np.arange(total, dtype=float), math.floor(SHARE * total)))
        setup = seconds = baseline = 0.0
        sums = np.zeros(len(chosen))
        for ids in self.groups:
            begun = time.perf_counter()
            with Replay(self.model, ids) as replay:
                setup += time.perf_counter() - begun
                found = _swept(replay, [heads[number] for number in chosen])
                baseline += float(replay.in_force.double().sum())
            seconds, sums = seconds + found["seconds"], sums + found["sums"]
        return {
            "chosen": chosen, "wanted": wanted, "setup": setup, "seconds": seconds, "baseline": baseline,
            "sums": sums.tolist(),
        }  # fmt: skip


def _swept(replay: Replay, heads: Heads) -> Reply:
    """Summed losses of heads by the engine, layer by layer, with the seconds of each layer."""
    sums: list[float] = []
    layers: list[list[float]] = []
    for layer, own in groupby(heads, key=lambda pair: pair[0]):
        begun, chosen = time.perf_counter(), [head for _, head in own]
        found = head_by_head(replay, layer, ZERO, chosen).double().sum(dim=(1, 2))
        sums += found.tolist()
        layers.append([layer, len(chosen), time.perf_counter() - begun])
    return {"seconds": sum(seconds for *_, seconds in layers), "layers": layers, "sums": sums}


def _projection(model: Model) -> tuple[str, int]:
    """Where the output projection of layer {} is, and how many numbers enter it; they are its heads' outputs."""
    paths = {id(part): path for path, part in model.module.named_modules()}
    for name, part in model.anatomy.blocks[0].named_modules():
        if name.rpartition(".")[2] in PROJECTIONS:
            weight: Any = part.weight
            width = int(weight.shape[0] if type(part).__name__ == "Conv1D" else weight.shape[1])
            block = paths[id(model.anatomy.blocks[0])]
            return f"{block.removesuffix('0')}{{}}.{name}", width
    raise SemphaseError(f"the output projection of {model.family} has no name known here")
