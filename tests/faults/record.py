"""Runs under faults, and what became of them as a table: nox -s faults, with --short in a minute."""

from __future__ import annotations

import argparse
import sys
import time
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages

sys.path[:0] = [str(Path(__file__).parents[1])]

from faults import disks, kills, others, refusals  # noqa: E402
from faults.outcome import Outcome, table  # noqa: E402
from faults.projects import project  # noqa: E402

import semphase  # noqa: E402

LONG = {
    "kills": 100,
    "full": 18,
    "closed": 9,
    "flips": 1000,
    "pairs": 4,
    "memory": 8,
    "clocks": 8,
    "bad": 200,
    "whole": 20,
}
SHORT = {"kills": 6, "full": 3, "closed": 1, "flips": 4, "pairs": 1, "memory": 1, "clocks": 1, "bad": 40, "whole": 1}
BEGUN = time.monotonic()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true", help="a few of each kind")
    parser.add_argument("--seed", type=int, default=0, help="of the moments, files, bits and inputs (0)")
    parser.add_argument("--only", action="append", metavar="KIND", help=f"one of {', '.join(LONG)}; repeatable")
    given = parser.parse_args()
    counts = SHORT if given.short else LONG
    if given.only:
        counts = {kind: count if kind in given.only else 0 for kind, count in counts.items()} | {
            "whole": counts["whole"]
        }
    everything()
    rows = suffered(counts, given.seed)
    for row in rows:
        for failure in row.failures:
            print(f"\n{row.what}: {failure}", flush=True)
    print(f"\n{table(rows)}\n\nseed {given.seed}, {time.monotonic() - BEGUN:.0f} s", flush=True)
    if any(row.failures for row in rows):
        sys.exit(1)


def everything() -> None:
    """Import all that a run may import, once for all children."""
    import torch

    torch.set_num_threads(1)
    for found in walk_packages(semphase.__path__, "semphase."):
        if not found.name.endswith("__main__"):
            import_module(found.name)


def suffered(counts: dict[str, int], seed: int) -> list[Outcome]:
    """Every kind of fault, so often."""
    with project() as own:
        unbroken = own.run()
    assert unbroken.code == 0, unbroken.out
    kinds = {
        "kills": ("SIGKILL", lambda row: kills.killed(row, counts["kills"], seed, tell)),
        "full": ("a full disk", lambda row: disks.full(row, counts["full"], seed, unbroken, tell)),
        "closed": (
            "a store turned read-only",
            lambda row: disks.read_only(row, counts["closed"], seed, unbroken, tell),
        ),
        "flips": ("a flipped bit", lambda row: disks.flipped(row, counts["flips"], seed, unbroken, tell)),
        "pairs": ("two runs on one store", lambda row: others.together(row, counts["pairs"], unbroken, tell)),
        "memory": ("out of memory", lambda row: others.memory(row, counts["memory"], unbroken, tell)),
        "clocks": ("a jumping clock", lambda row: others.clocks(row, counts["clocks"], seed, unbroken, tell)),
        "bad": ("bad inputs", lambda row: refusals.refused(row, counts["bad"], counts["whole"], seed, tell)),
    }
    rows = []
    for kind, (what, suffer) in kinds.items():
        if counts[kind]:
            rows.append(Outcome(what))
            suffer(rows[-1])
    return rows


def tell(sentence: str) -> None:
    """Where the session is."""
    print(f"{time.monotonic() - BEGUN:6.0f} s  {sentence}", flush=True)


if __name__ == "__main__":
    main()
