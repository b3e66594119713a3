"""The claims on query-key weights in planted worlds: true by construction, false, and with controls of either kind."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from planted_text import Extra, copy_of, planted_losses, planted_study

from semphase.science.wqk.bases import HeadBasis, principal
from semphase.science.wqk.facet import WeightBasis
from semphase.stats.blocks import BlockLosses
from semphase.verdict import Verdict

LAYER = np.repeat(np.arange(12), 4)
HEADS = len(LAYER)
FEW, MANY = 0.5, 0.9
"""Each component's variance over that of the one before: four of them hold 90 %, or 22 of 48."""


@dataclass(frozen=True)
class World:
    """Components of the model's and of its copies' matrices, whether component 1 tells the layer, and what K costs."""

    decay: float = MANY
    copies: float = MANY
    tells: bool = False
    copies_tell: bool = False
    extra: Extra = lambda *_: 0.0

    def basis(self, own: WeightBasis, form: str) -> HeadBasis:
        copy = copy_of(own.study)
        decay, tells = (self.decay, self.tells) if copy is None else (self.copies, self.copies_tell)
        rng = np.random.default_rng([3, 0 if copy is None else copy + 1, own.copy if form == "other basis" else 0])
        scores = rng.normal(size=(HEADS, HEADS))
        if tells:
            scores[:, 0] = LAYER + 0.1 * rng.normal(size=HEADS)
        scores -= scores.mean(axis=0)
        spread = np.linalg.qr(scores)[0] * np.sqrt(decay ** ((1 + 0.05 * (copy or 0)) * np.arange(HEADS)))
        return principal(spread @ spread.T, LAYER)

    def losses(self, own: WeightBasis, kind: str, components: int, form: str = "registered") -> BlockLosses:
        tail = "99 %" if components == own.components(0.99, form) else "99.7 %"
        at = tail if components >= own.components(0.99, form) else "few"
        seed = zlib.crc32(repr((kind, components, form, own.copy)).encode())
        return planted_losses(self.extra(kind, at, form), seed)


def costs(**by_kind: float | dict[str, float]) -> Extra:
    """Nats per token by kind (blanks as underscores), for all K or by where K stands; others cost nothing."""

    def extra(kind: str, at: str, _form: str) -> float:
        found = by_kind.get(kind.replace(" ", "_"), 0.0)
        return found.get(at, 0.0) if isinstance(found, dict) else found

    return extra


def by_form(registered: float, free: float, other: float) -> Extra:
    """What clusters cost in each form."""
    told = {"registered": registered, "basis-free": free, "other basis": other}
    return lambda kind, _at, form: told[form] if kind == "clusters" else 0.0


TAIL = {"99 %": 1.0, "99.7 %": 0.02}
AS_FAR = "as_far_as_leading"
# Claim, verdict, what relates model and control, and the world.
WORLDS: list[tuple[str, str, str, World]] = [
    ("low-dimensional", "supported", "model only", World(FEW)),
    ("low-dimensional", "supported", "both", World(FEW, copies=FEW)),
    ("low-dimensional", "refuted", "neither", World()),
    ("low-dimensional", "refuted", "control only", World(copies=FEW)),
    ("compressible", "supported", "model only", World(extra=costs(leading=0.02, random=0.5))),
    ("compressible", "supported", "both", World(extra=costs(leading=0.02, random=0.02))),
    ("compressible", "refuted", "neither", World(extra=costs(leading=0.5, random=0.5))),
    ("variance-is-not-function", "supported", "model only", World(extra=costs(leading=1.0))),
    ("variance-is-not-function", "supported", "both", World(extra=costs(leading=1.0, **{AS_FAR: 1.0}))),
    ("variance-is-not-function", "refuted", "neither", World(extra=costs(leading=0.3))),
    ("variance-is-not-function", "refuted", "control only", World(extra=costs(leading=0.3, **{AS_FAR: 1.0}))),
    ("tail-matters", "supported", "model only", World(extra=costs(leading=TAIL))),
    ("tail-matters", "supported", "both", World(extra=costs(leading=TAIL, **{AS_FAR: TAIL}))),
    ("tail-matters", "refuted", "neither", World(extra=costs(leading=1.0))),
    ("tail-matters", "refuted", "control only", World(extra=costs(leading=1.0, **{AS_FAR: TAIL}))),
    ("heads-irreplaceable", "supported", "model only", World(extra=costs(clusters=2.0, as_far_as_clusters=1.0))),
    ("heads-irreplaceable", "supported", "both", World(extra=costs(clusters=2.0, as_far_as_clusters=2.0))),
    ("heads-irreplaceable", "refuted", "neither", World(extra=costs(clusters=1.0))),
    ("heads-irreplaceable", "refuted", "control only", World(extra=costs(clusters=1.0, as_far_as_clusters=2.0))),
    ("components-encode-layer", "supported", "model only", World(tells=True)),
    ("components-encode-layer", "supported", "both", World(tells=True, copies_tell=True)),
    ("components-encode-layer", "refuted", "neither", World()),
    ("components-encode-layer", "refuted", "control only", World(copies_tell=True)),
    ("basis-free", "supported", "model only", World(extra=by_form(2.0, 2.0, 1.0))),
    ("basis-free", "supported", "both", World(extra=by_form(2.0, 2.0, 2.0))),
    ("basis-free", "refuted", "neither", World(extra=by_form(2.0, 1.0, 2.0))),
    ("basis-free", "refuted", "control only", World(extra=by_form(2.0, 1.0, 1.0))),
]


OF_CONTROL = {"both": "-as-is-the-control", "control only": "-unlike-the-control"}


@pytest.mark.parametrize(
    ("claim", "expected", "relation", "world"),
    WORLDS,
    ids=[f"wqk.{claim}-{verdict}{OF_CONTROL.get(relation, '')}" for claim, verdict, relation, _ in WORLDS],
)
def test_worlds(
    claim: str,
    expected: str,
    relation: str,
    world: World,
    tmp_path: Path,
    verdict_on: Callable[[str, object], Verdict],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(WeightBasis, "basis", lambda own, form="registered": world.basis(own, form))
    monkeypatch.setattr(WeightBasis, "losses", lambda own, *condition: world.losses(own, *condition))
    with planted_study(tmp_path) as study:
        verdict = verdict_on(f"wqk.{claim}", study)
    assert verdict.verdict == expected, verdict.detail["parts"]
    assert verdict.point is (expected == "supported")
    assert verdict.control is not None
    assert verdict.control.relation == relation, verdict.detail["control_parts"]
    assert verdict.specific is (relation == "model only")
    assert verdict.p_decision is None or 0 < verdict.p_decision <= 0.025


def test_a_rule_that_both_forms_leave_open_is_no_agreement(
    tmp_path: Path, verdict_on: Callable[[str, object], Verdict], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Clusters cost what the rule asks, give or take a block: the verdicts may agree or not."""
    world = replace(World(), extra=by_form(np.log(5) + 0.005, np.log(5) + 0.005, 2.0))
    monkeypatch.setattr(WeightBasis, "basis", lambda own, form="registered": world.basis(own, form))
    monkeypatch.setattr(WeightBasis, "losses", lambda own, *condition: world.losses(own, *condition))
    with planted_study(tmp_path) as study:
        verdict = verdict_on("wqk.basis-free", study)
    assert verdict.verdict == "inconclusive"
    assert verdict.estimate is not None
    assert (verdict.estimate.low, verdict.estimate.high) == (4.75, 6.0)
