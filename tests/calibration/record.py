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

Of `mean`, `difference`, `correlation`, `perplexity_ratio`, `worst`, `largest`, `best_of`, `share` and `estimate`,
which your own claims and those in `examples/` use, and of what the claims in `claims/` use besides: statistics without
each unit in turn, of one kind of units or several, their extremes, positions of maxima, medians, ε² between groups, and
the contrast of a model with its control.

In each of {worlds} simulated studies the truth is known: measurements are drawn, an estimate is made of them as a
claim would make it, and it is counted whether its 95 % interval holds the truth ("held"). An interval wholly above
the truth would support "more than the truth" wrongly, one wholly below would refute it wrongly, and the other way
round for "less than". Power is the share of intervals that exclude a threshold at the stated distance below the
truth. Units are normal, log-normal (log standard deviation 0.5, skewness 1.75) or Student's t with three degrees of
freedom. A conservative kind, marked \\*, may hold more often than it promises: bounds that must hold for all of many
units at once do, and so do Fisher's scale and shares.

Written by `nox -s calibrate`, to be run after a change of what makes intervals; `docs/calibration.json` holds the
counts. A test binds this table to that code, and fails where an exact binomial test at {level:g}, shared by all cells
that decide anything, shows that fewer than {covered:.0%} of intervals hold, or more than {false:.0%} lie on one side;
chance alone lets a cell of {worlds} studies stray by about one per cent. With fewer units than this first table says
a verdict is inconclusive, whatever the value; so it is where clusters, or the tokens of texts, weigh so unevenly that
they count like fewer. Such cells are in brackets.

What this does not show: units that depend on each other without a cluster that says so; a median or an extreme given
to `estimate`, or a statistic near an end of its range, such as an R² of 0.01; spreads of units with tails like those
of t₃, whose fourth moment is infinite (of 100 such units 90 % of the intervals of a coefficient of variation hold);
means of units with heavier tails; a contrast with copies far from normal, beyond the log-normal ones here (whose misses
lie above, near the 5 % allowed); correlations of values with far outliers; and log-normal units of a skewness far
above 2, where upper ends are too low (with a log standard deviation of 1, skewness 6.2, means of 9 units are covered
in 91 % and of 26 in 93 % of cases, and the misses lie below).
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
    text = [INTRODUCTION.format(level=LEVEL, covered=COVERED, false=FALSE, worlds=table[0].worlds)]
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
