"""SIGKILL at random moments: in sweeps, in trainings, between two files of a store, in the middle of writing a report."""

from __future__ import annotations

import math
import os
import random
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

from faults.counting import counting, finished, noted
from faults.outcome import Outcome, Tell
from faults.projects import Child, Project, Ran, project
from faults.same import differing

EVENTS = ("open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "shutil.rmtree")
KINDS = ("moment", "file", "report")
NOTES = "notes.txt"


def killed(outcome: Outcome, kills: int, seed: int, tell: Tell) -> None:
    """Kill runs so often, each series of kills on a store of its own and resumed to its end; compare with one unbroken."""
    draw, unbroken = random.Random(seed), None
    with project() as own:
        files = own.folder / "files.txt"
        unbroken = own.run(patches=[counting(own.folder / "log"), noting(own.folder, files)])
        outcome.require(unbroken.code == 0, f"the unbroken run: {unbroken.out[-2000:]}")
        most = {kind: files.read_text().count(f"{kind}\n") for kind in KINDS}
    while outcome.tried < kills:
        with project() as own, outcome.timed():
            _series(own, unbroken, most, min(draw.randint(1, 4), kills - outcome.tried), draw, outcome)
        tell(f"{outcome.tried} of {kills} kills, {outcome.lost} units lost, {outcome.mismatches} mismatches")


def _series(
    own: Project, unbroken: Ran, most: dict[str, int], kills: int, draw: random.Random, outcome: Outcome
) -> None:
    """Some kills on one store, and a run that ends."""
    own.out.mkdir(parents=True)
    (own.out / NOTES).write_text("mine")
    known: set[str] = set()
    for turn in range(kills):
        log, kind = own.folder / f"log-{turn}", draw.choice(KINDS)
        number = math.ceil(math.exp(draw.uniform(0, math.log(max(2, most[kind])))))
        patches: list[Callable[[], None]] = [counting(log)]
        child = own.start(patches=[*patches, *([] if kind == "moment" else [killing(own.folder, kind, number)])])
        if kind == "moment":
            _kill_after(child, draw.uniform(0, unbroken.seconds))
        ran = child.ended()
        what = f"{kind} {number} of turn {turn}"
        outcome.again(known & noted(log).keys(), what)
        known |= finished(own.store)
        if ran.code != -signal.SIGKILL:
            # The run was over before; what follows takes all from its store.
            outcome.require(ran.code == 0, f"{what}: {ran.out[-1500:]}")
            outcome.same(differing(ran.document, unbroken.document), what)
            continue
        outcome.tried += 1
    log = own.folder / "log-last"
    ran = own.run(patches=[counting(log)])
    outcome.require(ran.code == 0, f"after {kills} kills: {ran.out[-1500:]}")
    outcome.again(known & noted(log).keys(), f"after {kills} kills")
    outcome.same(differing(ran.document, unbroken.document), f"after {kills} kills")
    outcome.require((own.out / NOTES).exists(), f"after {kills} kills the user's own file beside the report was gone")


def _kill_after(child: Child, seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end and not child.over():
        time.sleep(0.002)
    child.kill()


def _kind(event: str, args: tuple[object, ...], folder: str) -> str:
    """ "report" or "file" for what changes files of the project there; empty for anything else."""
    if event not in EVENTS or not args or not isinstance(args[0], str | os.PathLike):
        return ""
    path = os.fspath(args[0])
    if event == "open" and not (len(args) > 2 and isinstance(args[2], int) and args[2] & (os.O_WRONLY | os.O_RDWR)):
        return ""
    if not str(path).startswith(folder) or "log" in Path(str(path)).name or str(path).endswith("files.txt"):
        return ""
    return "report" if f"{os.sep}reports{os.sep}" in str(path) else "file"


def noting(folder: Path, log: Path) -> Callable[[], None]:
    """A patch for a child that notes each change of a file of the project."""

    def patch() -> None:
        written = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(written, b"moment\n")

        def hook(event: str, args: tuple[object, ...]) -> None:
            kind = _kind(event, args, str(folder))
            if kind:
                os.write(written, f"{kind}\n".encode())

        sys.addaudithook(hook)

    return patch


def killing(folder: Path, kind: str, number: int) -> Callable[[], None]:
    """A patch for a child that dies before so many changes of files of a kind."""

    def patch() -> None:
        left = [number]

        def hook(event: str, args: tuple[object, ...]) -> None:
            if left[0] and _kind(event, args, str(folder)) == kind:
                left[0] -= 1
                if not left[0]:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(hook)

    return patch
