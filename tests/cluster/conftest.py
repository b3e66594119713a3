"""A scheduler with two workers on this machine, and studies whose measurements can go there."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from semphase.cluster.connecting import Cluster, connected
from semphase.models import load
from semphase.store import Store
from semphase.study import Study
from semphase.study.subject import Opened, Trained

Make = Callable[..., Study]
HERE = Path(__file__).parent


@contextmanager
def running(workers: int, cache: Path) -> Iterator[str]:
    """The address of a scheduler with so many workers, in a process of its own: it draws from the global random state.

    Like another machine's, its workers have a cache of their own, and know of no process of this suite.
    """
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    own = {"OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "XDG_CACHE_HOME": str(cache)}
    environment = inherited | own
    command = [sys.executable, str(HERE / "some_workers.py"), str(workers)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.stdin.close()


@pytest.fixture(scope="session")
def scheduler(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a scheduler with two workers."""
    with running(2, tmp_path_factory.mktemp("workers")) as address:
        yield address


@pytest.fixture(scope="session")
def idle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a scheduler without a worker."""
    with running(0, tmp_path_factory.mktemp("idle")) as address:
        yield address


@pytest.fixture
def cluster(scheduler: str, tmp_path: Path) -> Iterator[Cluster]:
    made = connected(scheduler, "cpu", Store(tmp_path))
    yield made
    made.close()


@pytest.fixture
def make(study_of: Callable[..., Study]) -> Make:
    """`make(folder)` is a study of the tiny model, opened by its name."""

    def study(folder: Path) -> Study:
        subject = Trained(load("tiny", device="cpu"), opened=Opened("tiny", "cpu", "float32"))
        return study_of(subject.model, subject=subject, store=Store(folder))

    return study
