"""Where results go: JSON for programs, or rich text that fits the terminal."""

from __future__ import annotations

import io
import json
import sys
from typing import Any, Protocol

from rich.console import Console, RenderableType


class Result(Protocol):
    """What a command has to tell."""

    def form(self) -> dict[str, Any]:
        """For programs: keys are stable."""
        ...

    def __rich__(self) -> RenderableType:
        """For people."""
        ...


def tell(result: Result, as_json: bool) -> None:
    """Print a result on standard output, in one of its two forms."""
    if as_json:
        print(json.dumps(result.form(), indent=2, allow_nan=False))  # in ASCII, which every pipe can carry
        return
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal without Greek still shows the numbers
    Console(highlight=False).print(result)
