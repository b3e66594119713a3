"""A project with claims that sweep, train and draw, and its runs in children of one process that has imported everything."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

Patch = Callable[[], None]
"""Called in the child before its run."""
WORDS = "anna saw the boat and the bank near the shelf , so ben took the card to the house . "
CLAIMS = """
import numpy as np
from semphase import ALL, LEXICON, Needs, Prompts, TEXT, above, below, claim, correlation, difference, mean, measurement
from semphase import head, stream, zeroed
from semphase.science.cvfp.facet import Cvfp
from semphase.science.cvfp.model import Recipe

OWN = Prompts.of("own", ["anna saw the boat", "the bank", "anna took the boat to the bank", "the card", "ben saw the shelf",
                         "the shelf by the bank"], right=[" the"] * 6, wrong=[" boat"] * 6)

def declare(id, **rest):
    return claim(id, **{"statement": f"{id} holds", "criterion": "x > 0", "parts": above(0.0), "estimator": "mean",
                        "source": "ours", "control": "none: a test"} | rest)

def line(detail):
    from matplotlib.figure import Figure
    figure = Figure()
    figure.add_subplot().plot(detail["per_prompt"])
    return figure

@measurement(version=1)
def lengths(model, items):
    return np.array([float(len(own)) for own in items.tokens])

@declare("a.sweep")
def test_sweep(study, judge):
    swept = study.sweep(OWN, {(l, h): [zeroed(head(l, h))] for l in range(2) for h in range(4)}, "losses")
    own = np.nanmean(swept.values, axis=(0, 2))
    judge(mean(own, unit="nats"), detail={"per_prompt": own.tolist()}, figures=[line])

@declare("a.values")
def test_values(study, judge):
    plain, edited = study.prompts(OWN), study.prompts(OWN, zeroed(head(0, 1)))
    norms = [np.linalg.norm(run.read(stream(2)).values[:, 0], axis=-1) for run in (plain, edited)]
    found = {"by norm": difference(*[np.nanmean(own.reshape(6, -1), axis=1) for own in norms])}
    judge(found["by norm"], detail={"lengths": study.measured(lengths, study.prompts(OWN).items).tolist()})

@declare("a.trained")
def test_trained(study, judge):
    cvfp = study.facet(Cvfp)
    made = cvfp.measured("small", (12, 24), (0, 1), layers=(1,), tokens=(1,), recipe=Recipe(most=8, epochs=4))
    found = [float(own["validation_nats"].sum() / own["validation_predicted"].sum()) for own in made.found]
    judge(mean(np.array(found), unit="nats"), detail={"nats": found})

@declare("a.alone", needs=Needs(model=False), control="none: arithmetic")
def test_alone(judge):
    values = np.linspace(0.5, 1.5, 12)
    judge(mean(values, unit="1"), detail={"per_prompt": values.tolist()}, figures=[line])
"""
SMALL = """
import numpy as np
from semphase import LEXICON, Prompts, TEXT, above, claim, mean

OWN = Prompts.of("own", ["anna saw the boat", "the bank", "anna took the boat"])

@claim("b.losses", statement="s", criterion="x > 0", parts=above(0.0), estimator="mean", source="ours",
       control="none: a test", data=(TEXT, LEXICON, OWN))
def test_losses(study, judge):
    judge(mean(np.nanmean(study.prompts(OWN).losses().values, axis=1), unit="nats"))
"""


@dataclass(frozen=True)
class Ran:
    """What a run left behind; a negative code is the signal that ended it."""

    code: int
    out: str
    seconds: float
    document: dict[str, Any] | None

    @property
    def refused(self) -> str:
        """Why a run that was refused, or broke, was not refused in one sentence; empty where it was."""
        told = [line for line in self.out.splitlines() if line.startswith(("ERROR: ", "E   "))]
        if self.code <= 0:
            return f"it ended with {self.code}"
        if "Traceback" in self.out or "INTERNALERROR" in self.out:
            return "it showed a traceback"
        if not told and "error: " not in self.out and not self.broken:
            return "it said nothing"
        return ""

    @property
    def broken(self) -> list[str]:
        """The sentences of claims whose measurement broke."""
        claims = self.document["claims"] if self.document else []
        return [entry["reason"] for entry in claims if entry["outcome"] == "error"]


@dataclass
class Project:
    """A folder with claims, its store and its report."""

    folder: Path
    store: Path
    out: Path
    options: tuple[str, ...] = ("--model=tiny-short", "--budget=quick", "--no-universes", "--device=cpu")
    environment: dict[str, str] = field(default_factory=dict)

    def start(
        self, *options: str, patches: Sequence[Patch] = (), environment: Mapping[str, str] | None = None
    ) -> Child:
        """Begin a run in a child."""
        own = (*self.options, f"--store={self.store}", f"--out={self.out}", *options)
        return Child.of(self, own, patches, self.environment | dict(environment or {}))

    def run(self, *options: str, **rest: Any) -> Ran:
        """A whole run."""
        return self.start(*options, **rest).ended()

    def document(self) -> dict[str, Any] | None:
        """The report, where there is one."""
        written = self.out / "verdicts.json"
        return json.loads(written.read_text(encoding="utf-8")) if written.exists() else None


@contextmanager
def project(source: str = CLAIMS, *, place: Path | None = None) -> Iterator[Project]:
    """A project in a folder of its own, gone with the block."""
    folder = Path(tempfile.mkdtemp(prefix="semphase-faults-", dir=place))
    (folder / "test_it.py").write_text(source, encoding="utf-8")
    (folder / "conftest.py").write_text('pytest_plugins = ["semphase.plugin.short"]\n', encoding="utf-8")
    (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    caches = {"XDG_CACHE_HOME": str(folder / "cache"), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    try:
        yield Project(folder, folder / "kept", folder / "reports" / "latest", environment=caches)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


LIMIT = 240.0
"""Seconds after which a run has hung."""


@dataclass
class Child:
    """A run under way."""

    project: Project
    pid: int
    log: Path
    begun: float
    code: int | None = None

    @classmethod
    def of(
        cls, project: Project, options: Sequence[str], patches: Sequence[Patch], environment: Mapping[str, str]
    ) -> Child:
        """Fork, and run pytest in the child."""
        log = Path(tempfile.mkstemp(prefix="semphase-run-")[1])
        sys.stdout.flush()
        sys.stderr.flush()
        pid = os.fork()
        if pid == 0:
            _run(project.folder, log, options, patches, environment)
        return cls(project, pid, log, time.monotonic())

    def over(self) -> bool:
        """Has it ended?"""
        if self.code is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            self.code = os.waitstatus_to_exitcode(status) if pid else None
        return self.code is not None

    def kill(self) -> None:
        """End it without a warning."""
        if not self.over():
            os.kill(self.pid, signal.SIGKILL)

    def ended(self) -> Ran:
        """Wait for its end; AssertionError for a run that hangs."""
        while not self.over():
            if time.monotonic() - self.begun > LIMIT:
                self.kill()
                raise AssertionError(f"a run did not end within {LIMIT:.0f} s: {self.log.read_text(errors='replace')}")
            time.sleep(0.005)
        seconds, told = time.monotonic() - self.begun, self.log.read_text(errors="replace")
        self.log.unlink()
        assert self.code is not None
        return Ran(self.code, told, seconds, self.project.document())


def _run(
    folder: Path, log: Path, options: Sequence[str], patches: Sequence[Patch], environment: Mapping[str, str]
) -> None:
    """The child's life; it never returns."""
    code: int = 70
    try:
        os.setsid()
        os.chdir(folder)
        written = os.open(log, os.O_WRONLY)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(written, 1)
        os.dup2(written, 2)
        sys.stdin, sys.stdout, sys.stderr = (open(fd, mode, closefd=False) for fd, mode in enumerate("rww"))  # noqa: SIM115
        os.environ.update(environment)
        for patch in patches:
            patch()
        given = ["-p", "semphase.plugin", "-p", "no:cacheprovider", "-W", "ignore", *options]
        code = int(pytest.main(given))
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
