"""How a sweep over single heads grows: measures models of many sizes, fits, checks on one held out, and foretells others."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from scaling_laws import Point, Shape, fit
from scaling_pages import with_tables

from semphase.errors import SemphaseError
from semphase.machine import hardware
from semphase.models.device import resolve, use

HERE = Path(__file__).resolve().parent
DOCS = HERE.parent / "docs"
FITTED = (
    ("tiny", 2048, 1024),
    ("smollm2-135m", 1024, 1024),
    ("smollm2-135m", 2048, 256),
    ("smollm2-135m", 2048, 1024),
    ("gemma3-270m", 2048, 1024),
    ("random 0.5B", 2048, 1024),
    ("random 1.5B", 1024, 1024),
)
HELD_OUT = ("random 1.0B", 2048, 1024)
"""Models, tokens, and the length of a chunk."""
WIDER = 16
"""On other devices than a CPU so many times the tokens, which fill a pass there."""


class Unmeasured(Exception):
    """A model could not be measured; the message says why in one sentence."""


@dataclass(frozen=True, slots=True)
class Run:
    """What a run has measured, and on what."""

    machine: str
    fitted: list[Point]
    held_out: Point


def point(name: str, tokens: int, length: int, device: str) -> Point:
    """One model, measured in a process of its own."""
    command = [sys.executable, str(HERE / "scaling_point.py"), name, device, str(tokens), str(length)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise Unmeasured(f"{name} was not measured: {(done.stderr.strip().splitlines() or ['it said nothing'])[-1]}")
    return as_point(json.loads(done.stdout))


def machine(device: str) -> str:
    """What a device is called on the page."""
    own = resolve(device)
    if own.type == "cpu":
        return f"{os.cpu_count()} CPU cores"
    use(own)
    return str(hardware()["gpu"] or own)


def as_point(own: dict[str, Any]) -> Point:
    """A point from its JSON."""
    return Point(**own | {"shape": Shape(**own["shape"])})


def read(path: Path) -> Run:
    """A run from its file."""
    own = json.loads(path.read_text(encoding="utf-8"))
    return Run(own["machine"], [as_point(each) for each in own["fitted"]], as_point(own["held_out"]))


def main(arguments: Sequence[str] | None = None) -> int:
    """The command: 0, or 2 with one sentence."""
    parser = argparse.ArgumentParser(prog="scaling.py", description=__doc__)
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--machine", help="what the page says of the machine, by default the card or the cores")
    parser.add_argument("--out", type=Path, default=DOCS, help="the folder of scaling.json and scaling.md")
    options = parser.parse_args(arguments)
    try:
        wider = 1 if resolve(options.device).type == "cpu" else WIDER
        points = [point(name, wider * tokens, length, options.device) for name, tokens, length in (*FITTED, HELD_OUT)]
        run = Run(options.machine or machine(options.device), points[:-1], points[-1])
    except (Unmeasured, SemphaseError) as problem:
        print(f"scaling.py: {problem}", file=sys.stderr)
        return 2
    (options.out / "scaling.json").write_text(json.dumps(asdict(run), indent=1) + "\n", encoding="utf-8")
    page = options.out / "scaling.md"
    made = with_tables(page.read_text(encoding="utf-8"), run.machine, run.fitted, run.held_out, fit(run.fitted))
    page.write_text(made, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
