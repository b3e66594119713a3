"""Do two reports say the same? Verdict, estimate, interval, threshold, p-value and control of every claim, number by number.

Usage: python benchmarks/same_verdicts.py BEFORE/verdicts.json AFTER/verdicts.json [--allow ID …]
Prints every difference; exit code 1 if there is one. `--allow` names claims about time, which no run repeats.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

COMPARED = ("verdict", "point", "estimate", "threshold", "p_value", "p_adjusted", "control")


def claims_of(path: Path) -> dict[tuple[str, str], dict[str, Any]]:
    """The compared keys of a report by claim and model."""
    claims = json.loads(path.read_text(encoding="utf-8"))["claims"]
    return {(own["id"], own["model"] or ""): {key: own[key] for key in COMPARED} for own in claims}


def differences(before: Any, after: Any, place: str = "") -> list[str]:
    """Where two JSON values differ; numbers must be equal to the last digit."""
    if isinstance(before, dict) and isinstance(after, dict):
        missing = [f"{place}.{key}: was {before[key]!r}, is gone" for key in before if key not in after]
        shared = [key for key in before if key in after]
        return missing + [line for key in shared for line in differences(before[key], after[key], f"{place}.{key}")]
    return [] if before == after else [f"{place}: was {before!r}, is {after!r}"]


def main() -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    parser.add_argument("--allow", nargs="*", default=[], metavar="ID")
    asked = parser.parse_args()
    before, after = claims_of(asked.before), claims_of(asked.after)
    lines = [f"{' '.join(key)}: only in one report" for key in sorted(before.keys() ^ after.keys())]
    for key in sorted(before.keys() & after.keys()):
        if key[0] not in asked.allow:
            lines += differences(before[key], after[key], " ".join(key))
    print("\n".join(lines) or f"{len(before)} verdicts are equal, number by number")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
