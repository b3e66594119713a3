"""How long each claim took when it was last judged, kept beside the measurements: for what is left, and for `-n`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from semphase.files import write_atomically


@dataclass(frozen=True, slots=True)
class Duration:
    """Seconds that a claim took when it was judged, and how many of them it measured what the store then held.

    `kept` names the circumstances under which its verdict was found to be kept, and is empty where it is not.
    """

    seconds: float
    measuring: float
    kept: str = ""

    @property
    def again(self) -> float:
        """Seconds that it takes with a store that holds all it measures, but not its verdict."""
        return max(0.0, self.seconds - self.measuring)

    def is_kept(self, circumstances: str) -> bool:
        """Does a run under these circumstances take the verdict from the store?"""
        return bool(circumstances) and circumstances == self.kept


Durations = dict[str, Duration]
"""By the claim's id and the models' label."""


def name_of(claim: str, label: str | None) -> str:
    """What a claim on its models is called here."""
    return f"{claim} {label or ''}".strip()


def read(store: Path, budget: str) -> Durations:
    """Those of a budget; none where there is no file, or one that says something else."""
    try:
        kept = json.loads(_place(store, budget).read_text(encoding="utf-8"))
        return {name: Duration(**own) for name, own in kept.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def write(store: Path, budget: str, found: Mapping[str, Duration]) -> None:
    """Put these in the place of older ones of the same claims; a disk that refuses keeps none."""
    known = read(store, budget) | dict(found)
    told = {name: asdict(own) for name, own in sorted(known.items())}
    try:
        write_atomically(_place(store, budget), json.dumps(told, indent=0, ensure_ascii=False).encode())
    except OSError:
        return


def _place(store: Path, budget: str) -> Path:
    return store / f"durations-{budget}.json"
