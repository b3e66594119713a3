"""Which claims are at work and how much of the run is left: seen on the terminal once a second."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import pytest

from semphase.displays import Display, Lines, Note, display_on
from semphase.files import atomically
from semphase.plugin import durations, workers
from semphase.plugin.circumstances import circumstances
from semphase.plugin.collect import claim_of, label_of
from semphase.plugin.session import Session
from semphase.progress import showing, spoken

if TYPE_CHECKING:
    from xdist.workermanage import WorkerController

GUESSES = {"seconds": 1.0, "minutes": 20.0, "hours": 1200.0}
"""Seconds of a claim that was never judged here, by its own `cost`."""
PATIENCE = 10.0
"""Seconds for which guesses count as if they had come true: the first claims say little about the others."""
LONGER = 1.5
PLAN = "plan.json"


@dataclass(frozen=True, slots=True)
class Planned:
    """One claim of the run on the models of a label, and how long it may take: as last time, or a guess."""

    name: str
    seconds: float
    group: str
    models: str = ""
    timed: bool = True


@dataclass
class Left:
    """How much is left of a run: `plan` by node id, `begun` when each test at work began, on a clock in seconds."""

    plan: dict[str, Planned]
    started: float
    begun: dict[str, float]
    done: set[str]

    def seconds(self, now: float) -> float:
        """What is not done yet, at the speed of what is."""
        at_work = {test: now - since for test, since in list(self.begun.items())}
        # What takes longer than planned will hardly end this moment: half as long again is the guess.
        late = ((self.plan[test].seconds, taken) for test, taken in at_work.items())
        beyond = sum(LONGER * taken - planned for planned, taken in late if taken > planned)
        total = sum(own.seconds for own in self.plan.values()) + beyond
        over = sum(self.plan[test].seconds for test in list(self.done)) + sum(at_work.values())
        return (total - over) * (now - self.started + PATIENCE) / (over + PATIENCE)

    def told(self, now: float) -> str:
        """As a user reads it."""
        return f"{len(self.done)} of {len(self.plan)} claims done, {spoken(self.seconds(now))} left"


class Watch:
    """Shows where a run is; in a worker it leaves a note for the controller."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.left: Left | None = None
        self.shown = ExitStack()
        self.display: Display | None = None
        self.notes: Path | None = None

    # Workers

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: WorkerController) -> None:
        """Tell a worker where to leave its notes."""
        if self.notes is None:
            self.notes = Path(tempfile.mkdtemp(prefix="semphase-"))
        node.workerinput["semphase_notes"] = str(self.notes)

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Plan the run, unless no claim is in it; a worker tells its plan before xdist tells what it collected."""
        if session.config.option.collectonly or not any(map(claim_of, session.items)):
            return
        plan = self._planned(session.items)
        self.left = Left(plan, time.monotonic(), {}, set())
        worker = self.session.worker
        if worker is not None and (folder := Path(worker["semphase_notes"])).is_dir():
            self.notes = folder
            with atomically(folder / PLAN) as scratch:
                scratch.write_text(json.dumps({test: asdict(own) for test, own in plan.items()}), encoding="utf-8")

    @property
    def plan(self) -> list[Planned]:
        """The claims of the run, here or as the first worker collected them; none before that."""
        self.left = self.left or self._plan_of_workers()
        return list(self.left.plan.values()) if self.left is not None else []

    def _planned(self, items: Sequence[pytest.Item]) -> dict[str, Planned]:
        settings = self.session.settings
        known = durations.read(settings.store, settings.budget)
        groups, found, now = workers.groups(items), {}, circumstances(self.session.config)
        for item in items:
            claim = claim_of(item)
            if claim is not None:
                label = label_of(item)
                last = known.get(durations.name_of(claim.id, label))
                seconds = GUESSES[claim.cost] if last is None else 0.0 if last.is_kept(now) else last.seconds
                found[item.nodeid] = Planned(claim.id, seconds, groups[item.nodeid], label, last is not None)
        return found

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_make_scheduler(self, config: pytest.Config, log: Any) -> Any:
        """Keep together what shares measurements, where nobody asked for another way."""
        together = config.stash.get(workers.TOGETHER, False) or config.option.dist == "loadgroup"
        return workers.scheduler(config, log, self._group) if together else None

    def _group(self, nodeid: str) -> str | None:
        self.left = self.left or self._plan_of_workers()
        planned = self.left.plan.get(nodeid) if self.left is not None else None
        return planned.group if planned is not None else None

    # Tests

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_logstart(self, nodeid: str) -> Generator[None, Any, Any]:
        """A test is at work, here or in a worker."""
        if self.left is None:
            self.left = self._plan_of_workers()
        if self.left is not None and nodeid in self.left.plan:
            if self.display is None:
                self._show()
            self.left.begun[nodeid] = time.monotonic()
        with self._hidden():
            return (yield)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_logreport(self) -> Generator[None, Any, Any]:
        """The terminal is the reporter's."""
        with self._hidden():
            return (yield)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_logfinish(self, nodeid: str) -> Generator[None, Any, Any]:
        """A test is over."""
        if self.left is not None and self.left.begun.pop(nodeid, None) is not None:
            self.left.done.add(nodeid)
        with self._hidden():
            return (yield)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionfinish(self) -> Generator[None, Any, Any]:
        """Nothing is left; how long the claims took is kept for the next run."""
        self.shown.close()
        if self.session.worker is None and self.session.told:
            self._keep()
        return (yield)

    def pytest_unconfigure(self) -> None:
        """Nobody reads notes any more."""
        self.shown.close()
        if self.session.worker is None and self.notes is not None:
            shutil.rmtree(self.notes, ignore_errors=True)

    def _plan_of_workers(self) -> Left | None:
        if self.notes is None or not (path := self.notes / PLAN).exists():
            return None
        plan = {test: Planned(**own) for test, own in json.loads(path.read_text(encoding="utf-8")).items()}
        return Left(plan, time.monotonic(), {}, set())

    def _show(self) -> None:
        worker = self.session.worker
        if worker is None:
            stream = self.shown.enter_context(os.fdopen(os.dup(2), "w"))
            self.display = self._on(stream)
            self.shown.enter_context(showing(self.display, self._run))
        elif self.notes is not None:
            self.display = Note(self.notes / worker["workerid"])
            self.shown.enter_context(showing(self.display, lambda: " and ".join(self._at_work())))

    def _on(self, stream: TextIO) -> Display:
        """On a terminal one line, but where tests write to it as they please, lines that stay."""
        config = self.session.config
        reporter: Any = config.pluginmanager.get_plugin("terminalreporter")
        same = reporter is not None and _same_file(1, stream.fileno())

        def column() -> int:
            return reporter._tw.width_of_current_line if same else 0

        return Lines(stream, column) if config.option.capture == "no" else display_on(stream, column)

    def _run(self) -> str:
        assert self.left is not None
        workers = self.notes is not None and self.session.worker is None
        at_work = self._noted() if workers else self._at_work()
        return " · ".join([self.left.told(time.monotonic()), *at_work])

    def _at_work(self) -> list[str]:
        assert self.left is not None
        return [self.left.plan[test].name for test in list(self.left.begun)]

    def _noted(self) -> list[str]:
        """What the workers say they do; where they say nothing, such as on another machine, what they were given."""
        assert self.notes is not None
        told = [path.read_text(encoding="utf-8") for path in sorted(self.notes.glob("gw*"))]
        return [own for own in told if own] or self._at_work()

    def _hidden(self) -> AbstractContextManager[None]:
        return nullcontext() if self.display is None else self.display.hidden()

    def _keep(self) -> None:
        settings, now = self.session.settings, circumstances(self.session.config)
        known = durations.read(settings.store, settings.budget)
        found = {
            told["judged"]: _duration(told, known.get(told["judged"]), now if told["kept"] else "")
            for told in self.session.told.values()
            if told["entry"]["outcome"] != "error"
        }
        durations.write(settings.store, settings.budget, found)


def _duration(told: Mapping[str, Any], last: durations.Duration | None, kept: str) -> durations.Duration:
    """How long the claim took when it was judged, which for a verdict from the store was before this run."""
    if told["restored"] and last is not None:
        return replace(last, kept=kept)
    return durations.Duration(told["entry"]["seconds"], round(told["measuring"], 3), kept)


def _same_file(one: int, other: int) -> bool:
    first, second = os.fstat(one), os.fstat(other)
    return (first.st_dev, first.st_ino) == (second.st_dev, second.st_ino)
