"""The results of the benchmark of the first command as tables on the console and as Markdown."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from results import grid, listed
from rich.console import Console
from rich.text import Text

HEADS = ("", "fresh, s", "share", "of it measured, s", "again, s", "share again")
START = "start-up, loading, report"
ALONE = 0.5
"""Load average before the command below which nothing else of weight was running."""


@dataclass(frozen=True)
class Took:
    """Seconds of one claim, and how many of them it measured what the store then held."""

    claim: str
    group: str
    model: str | None
    seconds: float
    measuring: float


@dataclass(frozen=True)
class Run:
    """One run of the command: its seconds by the wall and of all cores, the load average before, and what it reported."""

    wall: float
    cpu: float
    load: float
    told: dict[str, Any]
    claims: Sequence[Took]

    @property
    def start(self) -> float:
        """Seconds in which no claim was at work; none where several processes work side by side."""
        return self.total - sum(own.seconds for own in self.claims)

    @property
    def total(self) -> float:
        """Seconds of all processes together: by the wall, or more where several worked side by side."""
        return max(self.wall, sum(own.seconds for own in self.claims))

    @property
    def measuring(self) -> float:
        """Seconds of measurements: forward passes, trainings, decompositions, timings."""
        return sum(own.measuring for own in self.claims)

    def of(self, groups: bool) -> dict[str, tuple[float, float]]:
        """Seconds, and those of measurements, of each group or each claim."""
        found = {START: (self.start, 0.0)}
        for own in self.claims:
            name = own.group if groups else f"{own.claim} {own.model or ''}".strip()
            seconds, measuring = found.get(name, (0.0, 0.0))
            found[name] = seconds + own.seconds, measuring + own.measuring
        return found


def rows(fresh: Run, again: Run, groups: bool) -> list[list[str]]:
    """The cells of groups or claims, the longest of the fresh run first, and their sum."""
    first, second = fresh.of(groups), again.of(groups)
    names = sorted(first, key=lambda name: -first[name][0])
    found = [_row(name, *first[name], second.get(name, (0.0, 0.0))[0], fresh, again) for name in names]
    return [*found, _row("all", fresh.total, fresh.measuring, again.total, fresh, again)]


def _row(name: str, seconds: float, measuring: float, later: float, fresh: Run, again: Run) -> list[str]:
    return [
        name, f"{seconds:.2f}", f"{seconds / fresh.total:.1%}", f"{measuring:.2f}",
        f"{later:.2f}", f"{later / again.total:.1%}",
    ]  # fmt: skip


def circumstances(fresh: Run, again: Run) -> list[str]:
    """What was run, where, and beside what."""
    told, machine = fresh.told, fresh.told["hardware"]
    memory = f"{machine['memory'] / 2**30:.0f} GiB" if machine["memory"] else "unknown memory"
    models = ", ".join(own["name"] for own in told["models"]) or "no model"
    loads = " and ".join(f"{run.load:.1f}" for run in (fresh, again))
    alone = "alone" if max(fresh.load, again.load - 1) < ALONE else "beside other work"
    return [
        f"{len(fresh.claims)} claims on {models}, budget {told['budget']}, {told['device'] or 'cpu'}; torch "
        f"{told['versions'].get('torch', 'unknown')}.",
        f"{machine['cpu']}, {machine['cores']} cores, {memory}, {machine['system']}; {alone} (load average before the runs "
        f"{loads}); {time.strftime('%Y-%m-%d')}.",
    ]


def remarks(fresh: Run, again: Run) -> list[str]:
    """What the tables do not say."""
    return [
        f"In a fresh store {fresh.wall:.1f} s, {fresh.cpu:.1f} s of all cores; again {again.wall:.1f} s, {again.cpu:.1f} s "
        f"of all cores: a ratio of {fresh.wall / again.wall:.1f}.",
        f"The floor: {fresh.measuring:.1f} s ({fresh.measuring / fresh.total:.0%}) went into measurements that the store "
        "then held, such as forward passes and trainings; the others are statistics, figures and the row of the start-up. "
        f"Again {again.measuring:.1f} s were measured.",
        "The first claim of a group that reads a measurement pays for it; the others find it in the store.",
        *(
            [f"Processes worked side by side: what the tables add up is {fresh.total:.1f} s of them all."]
            if fresh.total > fresh.wall
            else []
        ),
    ]


def show(fresh: Run, again: Run, console: Console) -> None:
    """Print what was found."""
    for line in circumstances(fresh, again):
        console.print(Text(line))
    console.print(
        listed(HEADS, rows(fresh, again, groups=True)), Text(""), listed(HEADS, rows(fresh, again, groups=False))
    )
    for line in remarks(fresh, again):
        console.print(Text(f"· {line}"))


def markdown(fresh: Run, again: Run, options: Sequence[str]) -> str:
    """The same for a file."""
    command = " ".join(["pytest claims", *options])
    lines = [f"# The first command: `{command}`", "", *circumstances(fresh, again), ""]
    lines += [f"- {line}" for line in remarks(fresh, again)]
    lines += ["", "By group:", "", *grid(HEADS, rows(fresh, again, groups=True))]
    lines += ["", "By claim:", "", *grid(HEADS, rows(fresh, again, groups=False)), ""]
    return "\n".join(
        [*lines, "Written by `nox -s bench -- --first-command`; [README.md](README.md) says what is compared.", ""]
    )
