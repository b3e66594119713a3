"""Document 001, exp8 C and exp9 B: the cumulative angle Θ beside the number of blocks that it is a sum over.

Θ = Σ θ(l) adds angles that are not negative, so it grows with every block whatever the geometry. With a mean angle
that does not depend on depth Θ is proportional to the number of blocks; for Θ = π at every depth the mean angle must
shrink as one over it.
"""

from __future__ import annotations

import math

import numpy as np

from semphase.science.audit.printed import Document
from semphase.science.audit.rounding import Interval, interval
from semphase.science.audit.statements import Statement, Statements, less

BLOCKS = (12, 24, 36, 48)
"""Of gpt2, gpt2-medium, gpt2-large and gpt2-xl, the models that exp9 plans."""


def to_whole(turns: Interval) -> Interval:
    """Distance of a number to the nearest whole one."""
    nearest = float(np.round(turns.value))
    return (turns - nearest).magnitude()


def by_depth(document: Document, total: Interval | None = None) -> Statements:
    """At the mean angle of the published Θ/π, no depth of exp9 has Θ within the tolerance of a multiple of π."""
    published = document["pi"].row("Θ/π") if total is None else total
    tolerance = float(document["rotation"].row("tolerance").value) / math.pi
    where = document.where("rotation")
    return Statements(tuple(_off(published / float(BLOCKS[0]), blocks, tolerance, where) for blocks in BLOCKS))


def _off(per_block: Interval, blocks: int, tolerance: float, where: str) -> Statement:
    return less(f"Θ/π of {blocks} blocks is no whole number", interval(tolerance), to_whole(per_block * blocks), where)


def read_against_depth(document: Document) -> dict[str, object]:
    """Θ/π at each depth by the published mean angle, and the mean angle in degrees that Θ = π would need there."""
    per_block = float(document["pi"].row("Θ/π").value) / BLOCKS[0]
    tolerance = float(document["rotation"].row("tolerance").value) / math.pi
    turns = per_block * np.arange(1, BLOCKS[-1] + 1)
    met = np.abs(turns - np.round(turns)) <= tolerance
    return {
        "mean angle in degrees": 180 * per_block,
        "Θ/π by blocks": {str(blocks): per_block * blocks for blocks in BLOCKS},
        "degrees per block for Θ = π": {str(blocks): 180 / blocks for blocks in BLOCKS},
        "blocks that meet the tolerance at this angle": [int(i) + 1 for i in np.flatnonzero(met & (turns > 0.5))],
        "totals printed": 1,
    }
