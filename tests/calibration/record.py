"""Writes docs/calibration.md and docs/calibration.json anew: nox -s calibrate."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE)]

from cells import COVERED, FALSE, LEVEL, Cell, cells, failures  # noqa: E402
from sources import fingerprint  # noqa: E402
from worlds import WORLDS  # noqa: E402

from semphase.stats.least import LEAST  # noqa: E402

DOCS = HERE.parents[1] / "docs"
INTRODUCTION = """# How often the intervals hold

Written by `nox -s calibrate`; `docs/calibration.json` holds the counts. In each world the truth is known: measurements
are simulated, an estimate is made of them as a claim would make it, and it is counted whether its 95 % interval holds
the truth. An interval wholly above the truth would support "more than the truth" wrongly, one wholly below would refute
it wrongly, and the other way round for "less than". Power is the share of intervals that exclude a threshold at the
stated distance. Worlds are normal, log-normal (log standard deviation 0.5, skewness 1.75) or Student's t with three
degrees of freedom. A conservative kind, marked \\*, may hold more often than it promises: bounds that must hold for all
of many units at once do, and so does Fisher's scale with few units.

A test binds this table to the code that makes the intervals, and fails where an exact binomial test at {level:g}, shared
by all cells that decide anything, rejects a coverage of {covered:.0%} or false verdicts of {false:.0%} a side. With fewer
units than the second column of the first table says, a verdict is inconclusive, whatever the value; such cells are in
brackets.

What this does not show: units that depend on each other without a cluster that says so; a median or an extreme given to
`estimate`; spreads of units with tails like those of t₃, whose fourth moment is infinite (of 100 such units 90 % of the
intervals of a coefficient of variation hold); means of units with heavier tails; and log-normal units of a skewness far
above 2, where upper ends are too low (with a log standard deviation of 1, skewness 6.2, means of 9 units are covered in
92 % and of 26 in 94 % of cases).
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--worlds", type=int, default=2000, help="simulated studies in each cell (2000)")
    parser.add_argument("--out", type=Path, default=DOCS, help="where both files go (docs)")
    given = parser.parse_args()
    with ProcessPoolExecutor() as pool:
        table = list(_told(pool.map(_of_world, range(len(WORLDS)), [given.worlds] * len(WORLDS))))
    given.out.mkdir(parents=True, exist_ok=True)
    kept = {"code": fingerprint(), "worlds": given.worlds, "cells": [asdict(cell) for cell in table]}
    (given.out / "calibration.json").write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    (given.out / "calibration.md").write_text(page(table), encoding="utf-8")
    if broken := failures(table):
        sys.exit("not calibrated: " + "; ".join(broken))


def _of_world(place: int, worlds: int) -> list[Cell]:
    return list(cells(worlds, [WORLDS[place]]))


def _told(parts: Iterator[list[Cell]]) -> Iterator[Cell]:
    for done, part in enumerate(parts, start=1):
        covered = min(cell.covered / cell.made for cell in part if cell.decides and cell.made)
        print(f"{done} of {len(WORLDS)} kinds of worlds: {part[0].what}, covered in at least {covered:.1%}", flush=True)
        yield from part


def page(table: list[Cell]) -> str:
    """The table in Markdown."""
    text = [INTRODUCTION.format(level=LEVEL, covered=COVERED, false=FALSE)]
    text += ["| kind | units at least |", "|---|---|", *(f"| {kind} | {least} |" for kind, least in LEAST.items()), ""]
    for world in WORLDS:
        star = r"\*" if world.conservative else ""
        text += [f"## {world.what}{star}", "", f"Kind: {world.kind}. Power at {world.meaning}.", ""]
        text += ["| units | worlds | held | above | below | power |", "|---|---|---|---|---|---|"]
        text += [_row(cell) for cell in table if cell.what == world.what]
        text += [""]
    return "\n".join(text)


def _row(cell: Cell) -> str:
    if not cell.made:
        return f"| {cell.units} | {cell.noise} | not defined | | | |"
    shares = [f"{count / cell.made:.1%}" for count in (cell.covered, cell.above, cell.below, cell.power)]
    shown = shares if cell.decides else [f"({own})" for own in shares]
    return f"| {cell.units} | {cell.noise} | {' | '.join(shown)} |"


if __name__ == "__main__":
    main()
