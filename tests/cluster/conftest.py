"""A scheduler with two workers on this machine, and studies whose measurements go there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from semphase.cluster.connecting import Cluster, connected
from semphase.models import load
from semphase.store import Store
from semphase.study import Study
from semphase.study.subject import Opened, Trained

Make = Callable[..., Study]


@pytest.fixture(scope="session")
def scheduler() -> Iterator[str]:
    """The address of a scheduler with two workers, processes of one thread each."""
    from distributed import LocalCluster

    with LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None, memory_limit=0, env={"OMP_NUM_THREADS": "1"}
    ) as cluster:
        yield cluster.scheduler_address


@pytest.fixture
def cluster(scheduler: str, tmp_path: Path) -> Iterator[Cluster]:
    made = connected(scheduler, "cpu", tmp_path)
    yield made
    made.close()


@pytest.fixture
def make(study_of: Callable[..., Study]) -> Make:
    """`make(folder)` is a study of the tiny model, opened by its name."""

    def study(folder: Path) -> Study:
        subject = Trained(load("tiny", device="cpu"), opened=Opened("tiny", "cpu", "float32"))
        return study_of(subject.model, subject=subject, store=Store(folder))

    return study
