"""The first command, `pytest claims`, in a fresh store and again in the warm one: the share of each claim and group."""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from first_command_results import Run, Took, markdown, show
from rich.console import Console

from semphase.plugin import durations

HERE = Path(__file__).resolve().parent
SMOKE = ["--budget=quick", "--claims=order.*"]
PASSED_OR_FAILED = (0, 1)


class Broken(Exception):
    """The command did not come to its report."""


def parsed(arguments: Sequence[str] | None = None) -> tuple[argparse.Namespace, list[str]]:
    """The command line, and what of it is for pytest."""
    parser = argparse.ArgumentParser(prog="first_command.py", description=f"{__doc__} Other options go to pytest.")
    parser.add_argument(
        "--out", type=Path, default=HERE / "first-command-results.md", help="where the results are written"
    )
    parser.add_argument("--smoke", action="store_true", help="three claims on little text: does everything run?")
    options, others = parser.parse_known_args(arguments)
    return options, [*others, *(SMOKE if options.smoke else [])]


def timed(options: Sequence[str], store: Path, out: Path) -> Run:
    """Run the command once; Broken, with its last line, if there is no report of it."""
    command = [sys.executable, "-m", "pytest", "claims", "-q", f"--store={store}", f"--out={out}", *options]
    load, before = os.getloadavg()[0], resource.getrusage(resource.RUSAGE_CHILDREN)
    begun = time.monotonic()
    done = subprocess.run(command, cwd=HERE.parent, stdout=subprocess.PIPE, text=True, check=False)  # noqa: S603
    wall, after = time.monotonic() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode not in PASSED_OR_FAILED or not (out / "verdicts.json").exists():
        told = [line for line in done.stdout.splitlines() if line.strip()]
        raise Broken(f"the command ended with {done.returncode}: {told[-1] if told else 'it said nothing'}")
    document = json.loads((out / "verdicts.json").read_text(encoding="utf-8"))
    cpu = sum(getattr(after, part) - getattr(before, part) for part in ("ru_utime", "ru_stime"))
    known = durations.read(store, document["run"]["budget"])
    claims = [_took(entry, known) for entry in document["claims"]]
    return Run(wall, cpu, load, document["run"], claims)


def _took(entry: dict, known: durations.Durations) -> Took:
    found = known.get(durations.name_of(entry["id"], entry["model"]))
    # A verdict from the store took less than it did when it was judged.
    measuring = min(found.measuring, entry["seconds"]) if found else 0.0
    return Took(entry["id"], entry["group"], entry["model"], entry["seconds"], measuring)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command: 0, or 2 with one sentence."""
    options, others = parsed(arguments)
    try:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="first-command-") as folder:
            place = Path(folder)
            fresh, again = (timed(others, place / "store", place / "report") for _ in range(2))
        show(fresh, again, Console())
        options.out.write_text(markdown(fresh, again, others), encoding="utf-8")
    except (Broken, OSError) as problem:
        print(f"first_command.py: {problem}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
