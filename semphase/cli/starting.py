"""`semphase new`: a claim file to start from."""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from semphase.cli.listing import shortest
from semphase.errors import SemphaseError

KINDS = ("responses", "edit", "prompts")


@dataclass(frozen=True, slots=True)
class Started:
    """The file that was written, and what comes next."""

    file: Path

    @property
    def next(self) -> tuple[str, ...]:
        """The commands that register the claim and judge it."""
        name = shortest(self.file)
        return (f"semphase register {name}", f"pytest {name} --semphase-model=tiny")

    def form(self) -> dict[str, Any]:
        """For programs."""
        return {"file": shortest(self.file), "next": list(self.next)}

    def __rich__(self) -> RenderableType:
        """What was written, and the commands that come next."""
        steps = (Text(f"  {command}", style="bold") for command in self.next)
        return Group(Text(f"wrote {shortest(self.file)}: say what you claim, then"), *steps)


def start(name: str, kind: str, folder: Path) -> Started:
    """Write test_NAME.py into the folder; SemphaseError for a name that is none, or a file that is there."""
    group = name.replace("-", "_")
    if not re.fullmatch(r"[a-z][a-z0-9_]*", group):
        raise SemphaseError(f"{name!r} is no name for a group: take small letters, digits and dashes, a letter first")
    file = folder / f"test_{group}.py"
    template = (files("semphase.cli") / "templates" / f"{kind}.py.txt").read_text(encoding="utf-8")
    text = Template(template).substitute(group=group)
    try:
        with file.open("x", encoding="utf-8") as new:  # refuses in one step what a look before could miss
            new.write(text)
    except FileExistsError:
        raise SemphaseError(f"{file} is there already: choose another name, or move it away") from None
    except OSError as problem:
        raise SemphaseError(f"{file} cannot be written: {problem.strerror or problem}") from problem
    return Started(file)
