"""The comparison: methods in processes of their own, which work in turns so that a busy moment hits them all."""

from __future__ import annotations

import sys
import tempfile
from argparse import Namespace
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from results import BASES, Difference, Results, Row, difference
from scipy.stats import spearmanr
from worker import Failed, Reply, Worker

from semphase.machine import hardware
from semphase.science.heads.pareto import removable

TURNS = 6
SETTINGS = ("MALLOC_MMAP_MAX_", "MALLOC_TRIM_THRESHOLD_", "MALLOC_TOP_PAD_")
OFFLINE = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}
LABELS = {
    "p": "(p) plain hook loop",
    "pt": "(p) in TF32",
    "pb": "(p) in bfloat16",
    "a": "(a) TransformerLens",
    "aa": "(a') (a), memory kept",
    "b": "(b) nnsight",
    "c": "(c) engine, float32",
    "d": "(d) engine, screened",
}
"""In the table's order."""
AS_ALONE = ("a", "b")
"""These run as a user's script would, all others with the settings with which nox makes the C library keep freed memory."""
REFERENCE = "p"
Heads = list[list[int]]


@dataclass
class Timed:
    """What one method took for some heads, and the summed losses that it found."""

    heads: Heads
    setup: float = 0.0
    seconds: float = 0.0
    baseline: float = 0.0
    layers: list[list[float]] = field(default_factory=list)
    turns: list[float] = field(default_factory=list)
    sums: dict[tuple[int, int], float] = field(default_factory=dict)

    def add(self, heads: Heads, reply: Reply) -> None:
        """One turn."""
        self.setup += reply["setup"]
        self.seconds += reply["seconds"]
        self.layers += reply.get("layers", [])
        self.turns.append(reply["seconds"] / len(heads))
        for (layer, head), loss in zip(heads, reply["sums"], strict=True):
            self.sums[layer, head] = self.sums.get((layer, head), 0.0) + loss

    def scaled(self, total: int) -> float:
        """Seconds for all heads."""
        return self.setup + self.seconds * total / len(self.heads)

    def confirm(self, reply: Reply) -> None:
        """Differences become losses, and those of the confirmed heads the exact ones."""
        self.baseline = reply["baseline"]
        self.sums = {pair: loss + self.baseline for pair, loss in self.sums.items()}
        for number, loss in zip(reply["chosen"], reply["sums"], strict=True):
            layer, head = self.heads[number]
            self.sums[layer, head] = loss


class Comparison:
    """The measured processes and what they have found so far."""

    def __init__(
        self, commands: Mapping[str, list[str]], peer: list[str] | None, options: Namespace, stack: ExitStack
    ) -> None:
        self.options, self.stack = options, stack
        self.workers = {
            key: stack.enter_context(Worker(command, without=SETTINGS if key in AS_ALONE else ()))
            for key, command in commands.items()
        }
        self.facts = {key: worker.reply() for key, worker in self.workers.items()}["c"]
        self.total = self.facts["layers"] * self.facts["heads"]
        self.left_out: str | None = "no --peer-python was given"
        self.peer = self._joined(peer) if peer else {}
        self.screens = self.workers["d"].ask("pays")
        self.timed = {key: Timed(self._chosen(key)) for key in LABELS if key in self.workers}
        self.confirmed: Reply = {}
        self.splits = False
        self.product: Reply = {"side": 0, "gflops": {}}

    @property
    def tokens(self) -> int:
        """How many tokens are predicted."""
        return int(self.facts["chunks"] * (self.facts["length"] - 1))

    def _joined(self, command: list[str]) -> Reply:
        """What nnsight's process says first; nothing, and a reason kept, where it cannot be had."""
        folder = self.stack.enter_context(tempfile.TemporaryDirectory(prefix="semphase-"))
        try:
            self.workers["c"].ask("export", folder=folder)
            worker = self.stack.enter_context(Worker([*command, folder], without=SETTINGS, **OFFLINE))
            found = worker.reply()
        except Failed as problem:
            self.left_out = str(problem)
            return {}
        self.workers["b"], self.left_out = worker, None
        return found

    def _chosen(self, key: str) -> Heads:
        """The heads that a method is timed on."""
        sample, everything = self._spread(self.options.sample), set(range(self.total))
        chosen = sample
        if key == "c" or (key == "d" and (self.screens["pays"] or self.facts["size"] == "tiny")):
            wanted = self.options.engine_sample
            chosen = sample | self._spread(wanted) if wanted else everything
        return [list(divmod(number, self.facts["heads"])) for number in sorted(chosen)]

    def _spread(self, size: int) -> set[int]:
        """As many heads as asked for, evenly over the layers."""
        size = min(size, self.total)
        return {int(number) for number in (np.arange(size) + 0.5) * self.total / size}

    def run(self) -> None:
        """All methods, in turns, and the float32 part of the screening."""
        for key in list(self.timed):
            self.splits |= self._ask(key, "warm").get("split", False)
        parts = np.array_split(np.arange(self.facts["layers"]), min(TURNS, self.options.sample, self.facts["layers"]))
        turns = [(group, part) for group in range(self.groups) for part in parts]
        for number, (group, part) in enumerate(turns, 1):
            _tell(f"turn {number} of {len(turns)}: layers {part[0]} to {part[-1]}")
            self._multiply()
            for key in list(self.timed):
                self._turn(key, group, set(part.tolist()))
        own = self.timed["d"]
        rough = [own.sums[layer, head] for layer, head in own.heads]
        self.confirmed = self.workers["d"].ask("confirm", differences=rough, heads=own.heads, total=self.total)
        own.confirm(self.confirmed)

    def _multiply(self) -> None:
        """How fast the device is at its fastest, over the whole run."""
        found, before = self.workers["c"].ask("product"), self.product["gflops"]
        fastest = {kind: max(speed, before.get(kind, 0.0)) for kind, speed in found["gflops"].items()}
        self.product = {**found, "gflops": fastest}

    @property
    def groups(self) -> int:
        """How many groups of chunks the text has."""
        return -(-self.facts["chunks"] // self.facts["group"])

    def _turn(self, key: str, group: int, layers: set[int]) -> None:
        heads = [pair for pair in self.timed[key].heads if pair[0] in layers]
        if heads and (reply := self._ask(key, "heads", group=group, heads=heads)):
            self.timed[key].add(heads, reply)

    def _ask(self, key: str, operation: str, **given: Any) -> Reply:
        """A reply; a failure of nnsight leaves it out, any other ends the run."""
        try:
            reply = self.workers[key].ask(operation, **given)
        except Failed as problem:
            if key != "b":
                raise
            self.left_out = str(problem)
            del self.timed["b"]
            return {}
        self.timed[key].baseline += reply.get("baseline", 0.0)
        return reply

    def seconds(self, key: str) -> float:
        """Seconds of a method for all heads."""
        found = self.timed[key].scaled(self.total)
        if key == "d":
            again = self.confirmed
            found += again["setup"] + again["seconds"] * again["wanted"] / len(again["chosen"])
        return found

    def rows(self) -> list[Row]:
        """The table; asked for before anything else is measured, since it reads the memory."""
        memory = {key: self._ask(key, "memory") for key in list(self.timed)}
        return [
            Row(
                self._label(key), len(own.heads), self.seconds(key),
                tuple(self.seconds(other) / self.seconds(key) for other in BASES),
                memory[key]["mib"], self._difference(own) if key != REFERENCE else None,
            )
            for key, own in self.timed.items()
        ]  # fmt: skip

    def _difference(self, own: Timed) -> Difference:
        """Between a method's perplexities and those of the reference."""
        first = self.timed[REFERENCE]
        both = [pair for pair in first.sums if pair in own.sums]
        changed = np.array([[found.sums[pair] for pair in both] for found in (first, own)])
        unchanged = np.array([[first.baseline], [own.baseline]])
        return difference(np.exp(changed / self.tokens), np.exp(unchanged / self.tokens))

    def _label(self, key: str) -> str:
        if key == "b":
            return f"{LABELS[key]} {self.peer['version']}"
        if key == "pt" and not self.facts["device"].startswith("cuda"):
            return f"{LABELS[key]}, emulated"
        if key != "d" or self.screens["pays"]:
            return LABELS[key]
        return f"{LABELS[key]}; does not pay here"

    def remarks(self) -> list[str]:
        """What the table does not hold."""
        first = self.timed[REFERENCE]
        columns = (
            "Against (p) in float32, over the heads that both have measured: PPL is the largest difference of perplexity, "
            "relative; ΔPPL that of ΔPPL, relative to the largest |ΔPPL|; each, relative to the head's own |ΔPPL| where "
            "that is above 1 % of the largest."
        )
        sampled = (
            f"(p), (a), (a') and (b) were timed on {len(first.heads)} heads spread over the layers and scaled to all. (a) "
            "and (b) ran as a script does by default, the others with the settings of the C library's allocator that nox "
            "gives."
        )
        spread = f"A head took (p) {min(first.turns):.3g} to {max(first.turns):.3g} s, turn by turn."
        return [columns, sampled, spread, self._arithmetic(), self._share(), *self._screening()]

    def _arithmetic(self) -> str:
        if self.splits:
            return "(c) makes the products of what a head alters in three TF32 products, which have float32's accuracy."
        return "(c) makes all products in float32: splitting them into TF32 ones does not pay here, or does not fit."

    def _share(self) -> str:
        own, side, speeds = self.timed["c"], self.product["side"], self.product["gflops"]
        flops = self.workers["c"].ask("flops", heads=own.heads)["flops"]
        speed = flops / (own.setup + own.seconds) / 1e9
        others = [f"{fast:.3g} in {kind}" for kind, fast in speeds.items() if kind != "float32"]
        return (
            f"(c) needs {flops / 1e9:.4g} GFLOP of matrix products for {len(own.heads)} heads, unembedding included: "
            f"{speed:.3g} GFLOP/s, {speed / speeds['float32']:.0%} of the {speeds['float32']:.3g} GFLOP/s that a "
            f"{side} × {side} × {side} product in float32 reaches here{''.join(f', {other}' for other in others)}."
        )

    def _screening(self) -> list[str]:
        exact, own = self.timed["c"], self.timed["d"]
        both = [pair for pair in own.sums if pair in exact.sums]
        rank = spearmanr([exact.sums[pair] for pair in both], [own.sums[pair] for pair in both]).statistic
        told = [
            f"(d) screens in {self.screens['way']}, whose products are {self.screens['speedup']:.2g} times as fast as "
            f"float32 ones here, and ranks {len(both)} heads as (c) does with a Spearman correlation of {rank:.6f}; "
            f"{len(self.confirmed['chosen'])} of {len(own.heads)} were measured in float32 as well, near decisions and over "
            "the ranking."
        ]
        if len(both) < self.total:
            return [*told, "(d) was timed on a sample and scaled to all, so its removable heads were not counted."]
        return [*told, self._removable()]

    def _removable(self) -> str:
        """Do screening and exact losses remove as many heads? Both orders are judged in float32."""
        ends, shares = [], []
        for key in "cd":
            sums = self.timed[key].sums
            order = np.argsort([sums[pair] for pair in sorted(sums)], kind="stable").tolist()
            found = self.workers["c"].ask("curve", order=order)
            ends.append(removable(found["counts"], found["ratios"]))
            shares.append(found["ratios"][found["counts"].index(found["share"])])
        same = "the same" if ends[0] == ends[1] else "not the same"
        return (
            f"Removable heads (PPL ratio below 1.1) are {ends[0]} along the order of (c) and {ends[1]} along that of "
            f"(d), {same}; zeroing the first {found['share']} gives ratios {shares[0]:.4f} and {shares[1]:.4f}, "
            f"{'' if (shares[0] < 1.1) == (shares[1] < 1.1) else 'not '}on one side of 1.1."
        )

    def growth(self) -> list[tuple[str, float, float]]:
        """The engine on fewer heads, on other numbers of tokens, by layer: what, seconds, seconds a head."""
        own, chunks, length = self.timed["c"], self.facts["chunks"], self.facts["length"]
        rows = [("1/4 of the heads", *self._grown(chunks, 4))]
        if len(own.heads) == self.total:
            rows.append(("all heads", self.seconds("c"), self.seconds("c") / self.total))
        other = [chunks // 2, 2 * chunks] if self.options.growth else [chunks // 2]
        rows += [(f"1/4 of the heads, {part * length} tokens", *self._grown(part, 4)) for part in other]
        third = max(1, self.facts["layers"] // 3)
        for name, low in (("first", 0), ("last", self.facts["layers"] - third)):
            inside = [(count, seconds) for layer, count, seconds in own.layers if low <= layer < low + third]
            heads, seconds = (sum(column) for column in zip(*inside, strict=True))
            rows.append((f"heads of the {name} third of the layers", seconds, seconds * self.groups / heads))
        return rows

    def _grown(self, chunks: int, step: int) -> tuple[float, float]:
        _tell(f"the engine on one head in {step} and {chunks * self.facts['length']} tokens")
        found = self.workers["c"].ask("growth", chunks=chunks, step=step)
        return found["seconds"], found["seconds"] / found["heads"]


def compare(commands: Mapping[str, list[str]], peer: Sequence[str] | None, options: Namespace) -> Results:
    """Run everything; Failed, with one sentence, where that cannot be done."""
    with ExitStack() as stack:
        run = Comparison(commands, list(peer) if peer else None, options, stack)
        run.run()
        return Results(
            facts=run.facts,
            machine=hardware(),
            rows=run.rows(),
            left_out=run.left_out,
            remarks=run.remarks(),
            growth=run.growth(),
        )


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
