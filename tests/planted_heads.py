"""Planted losses of heads that are changed: each alone, and more or less than their sum together."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from semphase.models import load
from semphase.science.heads.facet import Heads
from semphase.stats.blocks import BLOCK, BlockLosses
from semphase.study import Study
from semphase.study.budget import Budget
from semphase.study.text import Reading
from semphase.verdict import Verdict

BUDGET = Budget("planted", simulations=300)
CHUNK = 256
LAYERS, HEADS = 12, 48
CHUNKS, BLOCKS = 8, 4
COUNTS = np.full(CHUNKS * BLOCKS, BLOCK)
NOISE = 0.01
"""Nats per token by which a block's effect scatters."""

Assignment = Mapping[int, str]
Judged = Callable[[str, Any], Verdict]


@dataclass(frozen=True)
class World:
    """`effect(kind, half)` are nats per token of each head alone, `excess(assignment)` what they cost more together."""

    effect: Callable[[str, str], np.ndarray]
    excess: Callable[[Assignment], float] = lambda _: 0.0
    total: int = HEADS
    noise: float = NOISE

    def single(self, heads: Iterable[int], kind: str, half: str) -> BlockLosses:
        effects = self.effect(kind, half)
        return BlockLosses(np.stack([self.losses({head: kind}, effects[head], half) for head in heads]), COUNTS)

    def joints(self, assignments: Sequence[Assignment], half: str) -> BlockLosses:
        nats = [sum(self.effect(kind, half)[head] for head, kind in own.items()) for own in assignments]
        sums = [self.losses(own, nat + self.excess(own), half) for own, nat in zip(assignments, nats, strict=True)]
        return BlockLosses(np.stack(sums), COUNTS)

    def losses(self, assignment: Assignment, nats: float, half: str) -> np.ndarray:
        named = hashlib.sha256(repr((sorted(assignment.items()), half)).encode()).digest()
        scatter = np.random.default_rng(list(named[:8])).normal(0, self.noise, len(COUNTS))
        return baseline(half).sums + COUNTS * (nats + scatter)


def baseline(half: str) -> BlockLosses:
    sums = COUNTS * np.random.default_rng(len(half)).normal(3, 0.2, len(COUNTS))
    return BlockLosses(sums, COUNTS)


@pytest.fixture
def planted(study_of: Callable[..., Study], monkeypatch: pytest.MonkeyPatch) -> Callable[[World], Study]:
    """A study that measures what a world plants."""

    def study(world: World) -> Study:
        every = range(world.total)
        changes: dict[str, Any] = {
            "total": world.total,
            "screening": None,
            "single": lambda _, kind, half: world.single(every, kind, half),
            "single_of": lambda _, kind, half, heads: world.single(sorted(map(int, heads)), kind, half),
            "joints": lambda _, assignments, half: world.joints(assignments, half),
            "gradient": lambda _, kind: world.effect(kind, "choose"),
            "after": lambda _, removed, kind, heads: world.effect(kind, "choose")[list(heads)],
        }
        for name, change in changes.items():
            monkeypatch.setattr(Heads, name, change)
        monkeypatch.setattr(Reading, "baseline", lambda _, half: baseline(half))
        monkeypatch.setattr(Reading, "checked", (0.0, 0.1))
        monkeypatch.setattr(Reading, "chunks", lambda _, half: np.zeros((CHUNKS, BLOCKS * BLOCK + 1), dtype=int))
        return study_of(load("tiny", device="cpu"), budget=BUDGET)

    return study


def each(effects: np.ndarray | float, **kinds: float) -> Callable[[str, str], np.ndarray]:
    """The same effects for every kind of change and on either half, but for some kinds, all heads of which cost alike."""
    return lambda kind, half: np.full(HEADS, kinds[kind]) if kind in kinds else np.broadcast_to(effects, HEADS)


def worlds(claims: Sequence[str], *rows: tuple[Any, ...]) -> list[Any]:
    """Rows of a world, a verdict and the relation to the control, for each of several claims."""
    return [pytest.param(claim, *row, id=f"{claim}-{row[1]}") for claim in claims for row in rows]


SLIGHT = np.linspace(0, 1e-4, HEADS)
"""What tells heads apart that cost alike."""
