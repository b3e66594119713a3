"""The methods that are compared: the plain loop, TransformerLens' hooks, the engine, the engine screening.

Each has a process of its own; nnsight, which needs another environment, has a file of its own as well.
"""

from __future__ import annotations

import json
import math
from argparse import Namespace
from functools import cached_property, partial
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import torch
from clock import Clock
from counting import product_speeds, replay_flops
from device_memory import counted
from jaxtyping import Float, Int
from method import Heads, Method, summed
from plain import InBfloat16, InTF32, Plain, output_projection
from subject import Subject, subject
from torch import Tensor
from worker import Operations, Reply, timed

from semphase.measure.changes import Ablated
from semphase.measure.products.exact import replay_of
from semphase.measure.replay import Replay
from semphase.measure.screening.ways import Make, Product, Way, fastest, screening, speedups, worth_screening
from semphase.measure.sweeps import head_by_head, substitute
from semphase.models.device import device_memory
from semphase.models.quiet import quiet
from semphase.models.reference import bridge, edits_must_count
from semphase.science.heads.facet import SHARE
from semphase.science.heads.rankings import POINTS
from semphase.science.heads.screened import near_decisions
from semphase.science.heads.trust import drawn

ZERO = substitute("zero")
FORCED: dict[Product, Way] = {"int8": "int8", "bfloat16": "bfloat16", "tf32": "tf32+float16"}
"""How to screen in a product where the engine would not screen."""
PRODUCTS: dict[Way, Product] = {way: product for product, way in FORCED.items()} | {"int8+bfloat16": "int8"}
"""What a way of screening multiplies weights in."""


def ready(options: Namespace) -> tuple[Reply, Operations]:
    """What to say first and what can be asked of the method `options.only`."""
    facts, method = _made(options)
    # Counted when what loading leaves behind has gone.
    return facts, method.operations | counted(method.device)


def _made(options: Namespace) -> tuple[Reply, Method]:
    own = subject(options)
    model = own.model
    facts = {
        "layers": model.layers, "heads": model.heads, "chunks": own.main, "length": own.text.shape[1],
        "group": own.group, "corpus": own.corpus, "model": model.name, "parameters": model.parameters,
        "size": model.size_class, "device": _told(model.device), "torch": torch.__version__,
        "threads": torch.get_num_threads(),
    }  # fmt: skip
    return facts, METHODS[options.only](own)


def _told(device: torch.device) -> str:
    """A device by its name here, with that of the card and its memory where it is one."""
    if device.type != "cuda":
        return str(device)
    return f"{device} ({torch.cuda.get_device_name(device)}, {(device_memory(device) or 0) / 2**30:.0f} GiB)"


class Hooks(Method):
    """(a) A loop of TransformerLens' `run_with_hooks`, one whole forward pass for each head."""

    def __init__(self, subject: Subject) -> None:
        super().__init__(subject)
        self.bridge = bridge(self.model)
        del self.model  # the bridge has a copy of its own

    def warm(self) -> Reply:
        """The unchanged loss, after a head on the way."""
        self._loss(0, 0, 0)
        return {"baseline": sum(self._loss(group, 0, None) for group in range(len(self.groups)))}

    def heads(self, group: int, heads: Heads) -> Reply:
        """Summed losses with each head zeroed alone on one group of chunks, with the seconds they took."""
        return timed(partial(self._loss, group), heads, self.wait)

    def _loss(self, group: int, layer: int, head: int | None) -> float:
        def zero(z: Tensor, hook: object) -> Tensor:  # noqa: ARG001 - TransformerLens names it
            z[:, :, head] = 0
            return z

        hooks = [] if head is None else [(f"blocks.{layer}.attn.hook_z", zero)]
        asked: dict[str, Any] = {"return_type": "loss", "loss_per_token": True}
        with torch.no_grad(), edits_must_count():
            return summed(self.bridge.run_with_hooks(self.groups[group], fwd_hooks=hooks, **asked))


class Replaying(Method):
    """Whatever is replayed, one group of chunks at a time."""

    def __init__(self, subject: Subject) -> None:
        super().__init__(subject)
        self._group = -1
        self._replay: Replay | None = None

    def replay(self, ids: Int[Tensor, "chunk position"]) -> Replay:
        """The replay of one group of chunks, as the engine makes it on this device."""
        return replay_of(self.model, ids)

    def swept(self, group: int, heads: Heads) -> tuple[Replay, Reply]:
        """Summed losses with each head zeroed alone; the replay is made with the first heads of a group."""
        clock = Clock(self.device)
        if self._replay is None or self._group != group:
            self.close()
            self._replay, self._group = self.replay(self.groups[group]), group
        setup = clock.seconds()
        return self._replay, {"setup": setup, **_swept(self._replay, heads)}

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
        """The unchanged loss, after a head on the way, and whether products of a change are split here."""
        baseline, split = 0.0, False
        for ids in self.groups:
            with self.replay(ids) as replay:
                head_by_head(replay, self.model.layers // 2, ZERO, [0])
                baseline += summed(replay.in_force)
                split |= replay.model is not self.model
        return {"baseline": baseline, "split": split}

    def heads(self, group: int, heads: Heads) -> Reply:
        """Summed losses with each head zeroed alone on one group of chunks, with the seconds they took."""
        return self.swept(group, heads)[1]

    def growth(self, chunks: int, step: int) -> Reply:
        """Seconds for every so many heads on the first chunks."""
        self.close()
        total = self.model.layers * self.model.heads
        heads = [list(divmod(number, self.model.heads)) for number in range(0, total, step)]
        clock = Clock(self.device)
        for ids in self.text[:chunks].split(self.size):
            with self.replay(ids) as replay:
                _swept(replay, heads)
        return {"seconds": clock.seconds(), "heads": len(heads)}

    def flops(self, heads: Heads) -> Reply:
        """Floating-point operations of the replay's matrix products for some heads."""
        return {"flops": sum(replay_flops(partial(Replay, self.model, ids), ZERO, heads) for ids in self.groups)}

    def product(self) -> Reply:
        """How fast the device multiplies matrices just now, by precision."""
        return product_speeds(self.device)

    def curve(self, order: list[int]) -> Reply:
        """PPL ratios with ever more heads of an order zeroed, in float32; the registered share is among the counts."""
        total = len(order)
        even = np.rint(np.linspace(0, total, POINTS + 1)[1:]).astype(int)
        share = math.floor(SHARE * total)
        counts = sorted({*even.tolist(), share} - {0})
        sums, tokens = np.zeros(len(counts)), sum(ids[:, 1:].numel() for ids in self.groups)
        for ids in self.groups:
            with self.replay(ids) as replay:
                sums += [self._joint(replay, order[:count]) for count in counts]
        return {"counts": counts, "share": share, "ratios": np.exp(sums / tokens).tolist()}

    def _joint(self, replay: Replay, numbers: list[int]) -> float:
        pairs = sorted(divmod(number, self.model.heads) for number in numbers)
        by_layer = groupby(pairs, key=lambda pair: pair[0])
        changes = {layer: Ablated(tuple(head for _, head in own)) for layer, own in by_layer}
        return summed(replay.losses(changes)) - summed(replay.in_force)

    def export(self, folder: str) -> Reply:
        """Write the model, its tokenizer and the text for a method in another environment."""
        home, main = Path(folder), torch.cat(self.groups)
        first, width = output_projection(self.model)
        with quiet():
            self.model.module.save_pretrained(home / "model")
            self.model.tokenizer.save_pretrained(home / "model")
        np.save(home / "ids.npy", main.cpu().numpy())
        job = {
            "projection": first,
            "d_head": width // self.model.heads,
            "group": self.size,
            "device": str(self.device),
        }
        (home / "job.json").write_text(json.dumps(job), encoding="utf-8")
        return {}


class Screening(Replaying):
    """(d) The engine screening in the faster way here, and in float32 again for the heads near a decision."""

    def __init__(self, subject: Subject) -> None:
        super().__init__(subject)
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
        """How many times faster than in float32 the device multiplies."""
        return speedups(self.model)

    @property
    def way(self) -> Way:
        """How to screen, even where it does not pay."""
        if self.fastest is not None:
            return self.fastest
        # Where a device has TF32 the engine takes nothing else.
        return FORCED["tf32" if "tf32" in self.gains else max(self.gains, key=lambda product: self.gains[product])]

    def replay(self, ids: Int[Tensor, "chunk position"]) -> Replay:
        """By the model's rough copy, made when it is first wanted."""
        if self.made is None:
            self.made = screening(self.model, self.way)
        return self.made(ids, {})

    def pays(self) -> Reply:
        """Would the engine screen on this machine, how, and how much faster are its products?"""
        return {"pays": self.fastest is not None, "way": self.way, "speedup": self.gains[PRODUCTS[self.way]]}

    def warm(self) -> Reply:
        """A head on the way; the unchanged loss comes with the confirmation."""
        with screening(self.model, self.way)(self.groups[0], {}) as replay:
            head_by_head(replay, self.model.layers // 2, ZERO, [0])
        return {}

    def heads(self, group: int, heads: Heads) -> Reply:
        """Summed differences from the unchanged loss, screened."""
        replay, found = self.swept(group, heads)
        unchanged = summed(replay.in_force)
        return {**found, "sums": [own - unchanged for own in found["sums"]]}

    def confirm(self, differences: list[float], heads: Heads, total: int) -> Reply:
        """Losses in float32 of the heads near a decision and of those that check the screening.

        `wanted` is how many these would be among all heads.
        """
        self.close()
        self.made = None
        chosen = _exact(np.array(differences)).tolist()
        wanted = len(_exact(np.arange(total, dtype=float)))
        setup = seconds = baseline = 0.0
        sums = np.zeros(len(chosen))
        for ids in self.groups:
            clock = Clock(self.device)
            with replay_of(self.model, ids) as replay:
                setup += clock.seconds()
                found = _swept(replay, [heads[number] for number in chosen])
                baseline += summed(replay.in_force)
            seconds, sums = seconds + found["seconds"], sums + found["sums"]
        return {
            "chosen": chosen, "wanted": wanted, "setup": setup, "seconds": seconds, "baseline": baseline,
            "sums": sums.tolist(),
        }  # fmt: skip


def _exact(differences: Float[np.ndarray, " head"]) -> Int[np.ndarray, " chosen"]:
    """The heads that are measured in float32, by their screened effects."""
    near = near_decisions(differences, math.floor(SHARE * len(differences)))
    return np.union1d(near, drawn(differences, near, np.random.default_rng(0)))


def _swept(replay: Replay, heads: Heads) -> Reply:
    """Summed losses of heads by the engine, layer by layer, with the seconds of each layer."""
    sums: list[float] = []
    layers: list[list[float]] = []
    for layer, own in groupby(heads, key=lambda pair: pair[0]):
        clock, chosen = Clock(replay.ids.device), [head for _, head in own]
        found = head_by_head(replay, layer, ZERO, chosen).cpu().double().sum(dim=(1, 2))
        sums += found.tolist()
        layers.append([layer, len(chosen), clock.seconds()])
    return {"seconds": sum(seconds for *_, seconds in layers), "layers": layers, "sums": sums}


METHODS: dict[str, type[Method]] = {
    "p": Plain, "pt": InTF32, "pb": InBfloat16, "a": Hooks, "aa": Hooks, "c": Engine, "d": Screening,
}  # fmt: skip
