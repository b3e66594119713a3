"""How often intervals hold in simulated worlds: cells of a table, and what an exact test says of them."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from scipy.stats import binom
from worlds import NOISE, WORLDS, World

from semphase.errors import Undefined
from semphase.stats.least import LEAST

COVERED, AT_MOST, FALSE, UNDEFINED = 0.93, 0.97, 0.05, 0.01
"""The least coverage that counts as 95 %, the most of a kind that is not conservative, the most false verdicts, and the
most studies without an interval."""
LEVEL = 0.01
"""Of the exact test, over all cells of a table."""


@dataclass(frozen=True)
class Cell:
    """Of `worlds` simulated studies with so many units, how many did what.

    `above` and `below` count intervals that lie wholly above and below the truth: with the truth as a threshold they are
    false verdicts, a false support of "more than" and a false refutation. `power` counts those that exclude a threshold
    one stated effect below the truth. `undefined` is what no interval with two ends could be made of.
    """

    kind: str
    what: str
    noise: str
    units: int
    worlds: int
    covered: int
    above: int
    below: int
    power: int
    undefined: int
    decides: bool

    @property
    def made(self) -> int:
        """Worlds with an interval."""
        return self.worlds - self.undefined


def cells(worlds: int, chosen: Iterable[World] = WORLDS, units: Iterable[int] = ()) -> Iterator[Cell]:
    """Each kind of world with each noise and number of units, or those of `units` that are among them."""
    sizes = set(units)
    for world in chosen:
        for noise in world.noises:
            for size in (own for own in world.units if not sizes or own in sizes):
                yield _cell(world, noise, size, worlds)


def _cell(world: World, noise: str, units: int, worlds: int) -> Cell:
    rng = np.random.default_rng(zlib.crc32(f"{world.what}, {noise}, {units}".encode()))
    lows, highs = [], []
    for _ in range(worlds):
        try:
            found = world.draw(rng, NOISE[noise], units)
        except Undefined:
            continue
        if not np.isfinite([found.low, found.high]).all():
            continue
        lows.append(found.low)
        highs.append(found.high)
    low, high = np.array(lows), np.array(highs)
    above, below = int((low > world.truth).sum()), int((high < world.truth).sum())
    power = int((low > world.truth - world.effect).sum())
    decides = units >= LEAST[world.kind]
    covered = len(low) - above - below
    return Cell(world.kind, world.what, noise, units, worlds, covered, above, below, power, worlds - len(low), decides)


def failures(table: Iterable[Cell]) -> list[str]:
    """What an exact test rejects, at `LEVEL` over all cells that decide anything."""
    deciding = [cell for cell in table if cell.decides]
    conservative = {world.what for world in WORLDS if world.conservative}
    level, found = LEVEL / len(deciding), []
    for cell in deciding:
        where = f"{cell.what}, {cell.noise}, {cell.units} units"
        if binom.cdf(cell.covered, cell.made, COVERED) < level:
            found.append(f"{where}: {cell.covered} of {cell.made} intervals hold the truth")
        if binom.sf(cell.undefined - 1, cell.worlds, UNDEFINED) < level:
            found.append(f"{where}: {cell.undefined} of {cell.worlds} studies have no interval")
        if cell.what not in conservative and binom.sf(cell.covered - 1, cell.made, AT_MOST) < level:
            found.append(f"{where}: {cell.covered} of {cell.made} intervals hold the truth, more than promised")
        for side in ("above", "below"):
            false = getattr(cell, side)
            if binom.sf(false - 1, cell.made, FALSE) < level:
                found.append(f"{where}: {false} of {cell.made} intervals lie {side} the truth")
    return found
