"""The claims on what blocks write in planted worlds: true by construction, false, and with controls of either kind."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from planted_text import Extra, planted_losses, planted_study

from semphase.models import Model
from semphase.science.writes import facet, moments, sums
from semphase.science.writes.facet import Kind, Writes
from semphase.stats.blocks import BlockLosses
from semphase.study import Study
from semphase.verdict import Verdict
from semphase.verdict.universes import universe

LAYERS, D = 13, 80
WIDE = 62
"""So many directions need 536 of 768 components for 90 % of the variance."""


@dataclass(frozen=True, eq=False)
class Written:
    """Lengths of what each layer writes and in how many directions, those of its parts, and what position 0 adds."""

    lengths: Sequence[float] = (1.0,) * LAYERS
    ranks: Sequence[int] = (WIDE,) * LAYERS
    parts: dict[str, int] = field(default_factory=lambda: {"attention": WIDE, "mlp": WIDE})
    first: dict[int, float] = field(default_factory=dict)
    same_directions: bool = True

    def at(self, layer: int, part: str, positions: int, seed: int) -> np.ndarray:
        """Δφ of one layer or part, [position, d]."""
        rng = np.random.default_rng([seed, layer, zlib.crc32(part.encode())])
        rank = self.parts.get(part, self.ranks[layer])
        axes = np.arange(rank) if self.same_directions else (np.arange(rank) + layer * rank) % D
        made = 0.02 * rng.normal(size=(positions, D)) / np.sqrt(D)
        made[:, axes] += rng.normal(size=(positions, rank)) / np.sqrt(rank)
        made *= self.lengths[layer]
        made[0, 0] += self.first.get(layer, 0.0)
        return made


EVEN = Written()
MEASURED: dict[Any, Any] = {}


@dataclass(frozen=True, eq=False)
class World:
    """What the model and its copies write, and by how many nats per token low rank raises the loss."""

    model: Written = EVEN
    copies: Written = EVEN
    extra: Extra = lambda *_: 0.0

    def written(self, model: Model) -> tuple[Written, int]:
        """What a model or a copy of it writes, and the seed of its noise."""
        copied = model.name.startswith("copy ")
        return (self.copies, int(model.name.removeprefix("copy ")) + 1) if copied else (self.model, 0)

    def rows_of(self, model: Model, rows: Any, layer: int, part: str) -> np.ndarray:
        written, seed = self.written(model)
        return written.at(layer, part, sum(map(len, rows)), seed)

    def measure_spectra(self, model: Model, *rest: Any) -> Any:
        """The facet's own, once for all worlds in which the same is written."""
        key = (*self.written(model), model.layers)
        if key not in MEASURED:
            MEASURED[key] = moments.measure_spectra(model, *rest)
        return MEASURED[key]

    def write_sums(
        self, model: Model, rows: Any, layers: Sequence[int], parts: Sequence[str] = ("all",), groups: int = 8
    ) -> sums.WriteSums:
        label = torch.cat(sums.group_labels(rows, groups)).numpy()
        shape = (groups + 1, len(layers), len(parts))
        norm, total, outer = np.zeros(shape), np.zeros((*shape, D)), np.zeros((*shape, D, D))
        for i, layer in enumerate(layers):
            for j, part in enumerate(parts):
                own = self.rows_of(model, rows, layer, part)
                for group in range(groups + 1):
                    chosen = own[label == group]
                    norm[group, i, j] = np.linalg.norm(chosen, axis=1).sum()
                    total[group, i, j], outer[group, i, j] = chosen.sum(axis=0), chosen.T @ chosen
        count = torch.from_numpy(np.bincount(label, minlength=groups + 1))
        return sums.WriteSums(count, *map(torch.from_numpy, (norm, total, outer)))

    def watch(self, model: Model, ids: Any, layers: Sequence[int], parts: Sequence[str], look: sums.Look) -> None:
        """As if one row of text held all positions."""
        for layer in layers:
            for part in parts:
                look(layer, part, torch.from_numpy(self.rows_of(model, [ids], layer, part)))

    def losses(self, own: Writes, kind: Kind, components: int) -> BlockLosses:
        name = kind.basis if kind.random is None else f"random like {kind.basis}"
        seed = zlib.crc32(repr((kind, components)).encode())
        return planted_losses(self.extra(name, components * 768 // own.d), seed)


def at(**by_kind: dict[int, float]) -> Extra:
    """Nats per token by kind (blanks as underscores) up to so many components of 768, then nothing."""

    def extra(kind: str, components: int) -> float:
        steps = by_kind.get(kind.replace(" ", "_"), {})
        return next((nats for most, nats in sorted(steps.items()) if components <= most), 0.0)

    return extra


GROWING, SHRINKING = np.exp(0.3 * np.arange(LAYERS)), np.exp(-0.3 * np.arange(LAYERS))
TWO_OUT = {3: 1000.0, 9: 1000.0}
WIDE_BUT_TWO = Written(first=TWO_OUT)
NARROW = Written(ranks=(2,) * LAYERS)
TWO_NARROW = Written(ranks=tuple(1 if layer in TWO_OUT else WIDE for layer in range(LAYERS)))
ONE_LOUD = Written(lengths=(1.0,) * (LAYERS - 1) + (300.0,), ranks=(WIDE,) * (LAYERS - 1) + (1,))
APART = Written(ranks=(12,) * LAYERS, same_directions=False)
TOGETHER = Written(ranks=(12,) * LAYERS)
LOW_ATTENTION = Written(parts={"attention": 10, "mlp": WIDE})
LOW_MLP = Written(parts={"attention": WIDE, "mlp": 10})
BREAKS, BENDS = {270: 2.5, 520: 0.5}, {270: 0.3, 520: 0.05}
CURVE = {70: 2.0, 270: 1.0, 520: 0.5}
WORSE = {20: 3.0, 70: 4.0, 270: 2.0, 520: 1.0}
BETTER = {70: 1.5, 270: 0.7, 520: 0.2}
BOTH = {"individual": CURVE, "shared": WORSE}
LESS = {"individual": CURVE, "shared": BETTER}
# Claim, verdict, what relates model and control, and the world.
WORLDS: list[tuple[str, str, str, World]] = [
    ("norm-grows", "supported", "model only", World(Written(GROWING))),
    ("norm-grows", "supported", "both", World(Written(GROWING), Written(GROWING))),
    ("norm-grows", "refuted", "neither", World(Written(SHRINKING))),
    ("norm-grows", "refuted", "control only", World(Written(SHRINKING), Written(GROWING))),
    ("not-low-rank", "supported", "model only", World(TWO_NARROW, NARROW)),
    ("not-low-rank", "supported", "both", World(TWO_NARROW)),
    ("not-low-rank", "refuted", "neither", World(NARROW, NARROW)),
    ("not-low-rank", "refuted", "control only", World(NARROW)),
    ("outliers-are-first-token", "supported", "model only", World(WIDE_BUT_TWO, TWO_NARROW)),
    ("outliers-are-first-token", "supported", "both", World(WIDE_BUT_TWO, WIDE_BUT_TWO)),
    ("outliers-are-first-token", "refuted", "neither", World(TWO_NARROW, TWO_NARROW)),
    ("outliers-are-first-token", "refuted", "control only", World(TWO_NARROW, WIDE_BUT_TWO)),
    ("shared-basis-dominated", "supported", "model only", World(ONE_LOUD)),
    ("shared-basis-dominated", "supported", "both", World(ONE_LOUD, ONE_LOUD)),
    ("shared-basis-dominated", "refuted", "neither", World()),
    ("shared-basis-dominated", "refuted", "control only", World(copies=ONE_LOUD)),
    ("shared-reconstruction", "supported", "model only", World(APART)),
    ("shared-reconstruction", "supported", "both", World()),
    ("shared-reconstruction", "refuted", "neither", World(TOGETHER)),
    ("low-rank-inference", "supported", "model only", World(extra=at(individual=BREAKS, random_like_individual=BENDS))),
    ("low-rank-inference", "supported", "both", World(extra=at(individual=BREAKS, random_like_individual=BREAKS))),
    ("low-rank-inference", "refuted", "neither", World(extra=at(individual=BENDS))),
    ("low-rank-inference", "refuted", "control only", World(extra=at(individual=BENDS, random_like_individual=BREAKS))),
    ("shared-worse", "supported", "model only", World(extra=at(**BOTH, random_like_shared=BETTER))),
    ("shared-worse", "supported", "both", World(extra=at(**BOTH, random_like_shared=WORSE))),
    ("shared-worse", "refuted", "neither", World(extra=at(**LESS, random_like_shared=BETTER))),
    ("shared-worse", "refuted", "control only", World(extra=at(**LESS, random_like_shared=WORSE))),
    ("attention-lower-rank", "supported", "model only", World(LOW_ATTENTION, LOW_MLP)),
    ("attention-lower-rank", "supported", "both", World(LOW_ATTENTION, LOW_ATTENTION)),
    ("attention-lower-rank", "refuted", "neither", World(LOW_MLP, LOW_MLP)),
    ("attention-lower-rank", "refuted", "control only", World(LOW_MLP, LOW_ATTENTION)),
]
OF_CONTROL = {"both": "-as-is-the-control", "control only": "-unlike-the-control"}


@pytest.fixture
def in_world(
    tmp_path: Path, verdict_on: Callable[[str, Study], Verdict], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Verdict]:
    """`in_world(claim, world)` is the verdict there, or that of a universe by its name."""

    def judged(claim: str, world: World, layers: int = LAYERS, name: str = "") -> Verdict:
        monkeypatch.setattr(moments, "write_sums", world.write_sums)
        monkeypatch.setattr(sums, "_watch", world.watch)
        monkeypatch.setattr(Writes, "losses", lambda own, kind, components: world.losses(own, kind, components))
        monkeypatch.setattr(facet, "measure_spectra", world.measure_spectra)
        with planted_study(tmp_path, layers=layers, d_model=D) as study:
            return verdict_on(f"writes.{claim}", study.in_universe(universe(name)) if name else study)

    return judged


@pytest.mark.parametrize(
    ("claim", "expected", "relation", "world"),
    WORLDS,
    ids=[f"writes.{claim}-{verdict}{OF_CONTROL.get(relation, '')}" for claim, verdict, relation, _ in WORLDS],
)
def test_worlds(claim: str, expected: str, relation: str, world: World, in_world: Callable[..., Verdict]) -> None:
    verdict = in_world(claim, world)
    assert verdict.verdict == expected, verdict.detail["parts"]
    assert verdict.point is (expected == "supported")
    assert verdict.control is not None
    assert verdict.control.relation == relation, verdict.detail.get("control_parts")
    assert verdict.specific is (relation == "model only")
    assert verdict.p_decision is not None
    assert 0 < verdict.p_decision <= 0.025


STEEP = np.exp(1.0 * np.arange(LAYERS))
"""In the order of depth, and far from a straight line."""
THREE_FIRST = Written(first={**TWO_OUT, 6: 1000.0})


@pytest.mark.parametrize(
    ("claim", "world", "name", "registered", "there"),
    [
        ("not-low-rank", World(THREE_FIRST), "position 0 left out", "refuted", "supported"),
        ("norm-grows", World(Written(STEEP)), "Pearson", "supported", "refuted"),
        ("norm-grows", World(Written(GROWING, first={6: 1e6})), "position 0 left out", "refuted", "supported"),
    ],
)
def test_universes_of_worlds(
    claim: str, world: World, name: str, registered: str, there: str, in_world: Callable[..., Verdict]
) -> None:
    assert in_world(claim, world).verdict == registered
    assert in_world(claim, world, name=name).verdict == there


def test_twelve_layers_alike_are_too_few_for_three_quarters(in_world: Callable[..., Verdict]) -> None:
    verdict = in_world("attention-lower-rank", World(LOW_ATTENTION), layers=12)
    assert (verdict.verdict, verdict.point) == ("inconclusive", True)
    assert verdict.estimate is not None
    assert verdict.estimate.low == pytest.approx(0.025 ** (1 / 12))


def test_random_bases_of_the_facet_are_those_that_the_worlds_name(tmp_path: Path) -> None:
    with planted_study(tmp_path) as study:
        assert [kind.random for kind in study.facet(Writes).random_like(facet.SHARED)] == [0, 1, 2, 3, 4]
