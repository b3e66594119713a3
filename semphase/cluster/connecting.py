"""The Dask scheduler: what is asked of it before a run, and the units that it hands out. Only this module imports Dask."""

from __future__ import annotations

import logging
import random
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from semphase.cluster.equal import Machine, machine, require_equal
from semphase.cluster.packing import Book, Packed, Unsendable
from semphase.cluster.stores import marked
from semphase.cluster.unit import Outcome, measure
from semphase.errors import SemphaseError
from semphase.progress import progress
from semphase.store import Store

if TYPE_CHECKING:
    from distributed import Client, Future

    from semphase.study.study import Study

CONNECT = 10.0
"""Seconds to wait for a scheduler."""
WORKERS = 30.0
"""Seconds to wait for its first worker."""
REPEATS = 2
"""How often a unit that raised is repeated."""
DRAWING = ("dask.sizeof", "distributed.comm.core", "distributed.utils_comm")
"""Modules of Dask that draw how long they wait, whom they ask, and what they weigh of a long list."""
EACH = 4
"""Units for each worker of a long list: a fast worker takes more of them, and a dying one costs a quarter of its share."""


def connected(address: str, device: str, store: Store) -> Cluster:
    """The cluster at an address or named by a scheduler file; SemphaseError where it cannot measure as this process does.

    Waits for a first worker, and asks all that are there for their versions, their device, and whether they see the store.
    """
    client = _client(address)
    try:
        own = _asked(client, address, device, store)
    except BaseException:
        client.close()
        raise
    return Cluster(client, address, own)


class Cluster:
    """The workers of a scheduler, as a place where studies have their missing measurements made.

    `kept_here` says why, by measurement, what could not be sent was measured in this process.
    """

    def __init__(self, client: Client, address: str, own: Machine) -> None:
        self.client = client
        self.address = address
        self.own = own
        self.book = Book()
        self.kept_here: dict[str, str] = {}
        self._under_way: dict[Future, str] = {}

    def serve(self, study: Study) -> None:
        """Have a study's missing measurements made here."""
        self.book.add(study.subject)
        study.store.elsewhere = _Sending(self, study.store.notices)

    def sent(self, unit: Callable[[], Any], name: str) -> Future | None:
        """A unit under way, the same one where any process has sent it already; None where it cannot leave this process."""
        try:
            packed = self.book.packed(unit)
        except Unsendable as problem:
            self.kept_here.setdefault(_measurement(name), str(problem))
            return None
        with _quiet():
            future = self._submitted(packed, name)
        # Whoever asked may give up because of another unit's error; this one is to end all the same.
        self._under_way[future] = name
        future.add_done_callback(self._ended)
        return future

    def _submitted(self, packed: Packed, name: str) -> Future:
        from distributed.client import ClosedClientError

        try:
            described = {token: self._described(token) for token in packed.needs}
            arguments = (packed.content, described, self.own.versions)
            return self.client.submit(worked, *arguments, key=f"semphase-{name}", retries=REPEATS, pure=False)
        except ClosedClientError as problem:
            raise SemphaseError(self._lost(_measurement(name), problem)) from problem

    def outcome(self, future: Future, name: str) -> Outcome:
        """What a unit told, once it is done; SemphaseError where it failed each time, and where the scheduler is gone."""
        with progress(f"units under way on the cluster: {len(self._under_way)}"):
            try:
                found: Outcome = future.result()
            except Exception as problem:
                raise SemphaseError(self._failure(future, _measurement(name), problem)) from problem
        return found

    def close(self) -> None:
        """Leave the scheduler."""
        self.client.close()

    def _described(self, token: str) -> Future:
        content = self.book.described[token]
        return self.client.submit(bytes, content, key=f"semphase-study-{token}", retries=REPEATS, pure=False)

    def _ended(self, future: Future) -> None:
        self._under_way.pop(future, None)

    def _failure(self, future: Future, name: str, problem: Exception) -> str:
        from distributed import KilledWorker

        if isinstance(problem, KilledWorker):
            return (
                f"a unit of {name} took {problem.allowed_failures + 1} workers of the cluster down, one after the other; "
                "their logs say why, most often for want of memory."
            )
        if future.status == "error":
            return f"a unit of {name} failed {REPEATS + 1} times on the cluster: {_short(problem)}."
        return self._lost(name, problem)

    def _lost(self, name: str, problem: Exception) -> str:
        return (
            f"the scheduler at {self.address} was lost while {name} was measured ({_short(problem)}); start the run again: "
            "what was measured is in the store."
        )


def worked(content: bytes, described: Mapping[str, bytes], versions: Mapping[str, str]) -> Outcome:
    """What a worker does with a unit, without calling on the scheduler itself."""
    import dask

    # xarray would ask the scheduler for a lock on each file, also on those in memory.
    with dask.config.set(scheduler="synchronous"):
        return measure(content, described, versions)


@dataclass(frozen=True)
class _Sending:
    """A cluster, seen from the store of one study."""

    cluster: Cluster
    notices: list[str]

    @property
    def units(self) -> int:
        return EACH * max(1, len(self.cluster.client.nthreads()))

    def sent(self, unit: Callable[[], Any], name: str) -> Callable[[], None] | None:
        future = self.cluster.sent(unit, name)
        return None if future is None else partial(self._wait, future, name)

    def _wait(self, future: Future, name: str) -> None:
        outcome = self.cluster.outcome(future, name)
        self.notices.extend(own for own in outcome.notices if own not in self.notices)
        outcome.require()


def _client(address: str) -> Client:
    try:
        from distributed import Client
    except ImportError:
        raise SemphaseError(
            f"--scheduler {address} needs Dask, which is not installed: pip install 'semphase[cluster]'."
        ) from None
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    where = {"scheduler_file": address} if Path(address).is_file() else {"address": address}
    _draw_apart()
    try:
        with _quiet():
            return Client(**where, timeout=CONNECT, set_as_default=False, name="semphase")
    except (
        OSError,
        ValueError,
        TypeError,
        AssertionError,
    ) as problem:  # a file that names no scheduler fails an assertion
        raise SemphaseError(
            f"there is no Dask scheduler at {address} ({_short(problem)}); give --scheduler an address such as "
            "tcp://host:8786, as the scheduler tells it when it starts."
        ) from None


def _draw_apart() -> None:
    """Give Dask a generator of its own: its thread would draw from Python's global one, at any moment of a test."""
    own = random.Random()  # noqa: S311 - no secrets
    for name in DRAWING:
        vars(import_module(name))["random"] = own


def _asked(client: Client, address: str, device: str, store: Store) -> Machine:
    _require_workers(client, address)
    with marked(store) as mark, _quiet():
        own = machine(device, store.place, mark)
        answers = client.run(machine, device, store.place, mark, on_error="return")
    for worker, answer in answers.items():
        if not isinstance(answer, Machine):
            raise SemphaseError(
                f"the worker {worker} cannot run semphase ({_short(answer)}); install the same there as here."
            )
    require_equal(own, answers, store)
    return own


def _require_workers(client: Client, address: str) -> None:
    try:
        client.wait_for_workers(1, timeout=WORKERS)
    except TimeoutError:
        raise SemphaseError(
            f"the scheduler at {address} has had no worker for {WORKERS:.0f} s; start some before pytest."
        ) from None


def _measurement(name: str) -> str:
    """The measurement that a unit's name begins with."""
    return name.rpartition("-")[0]


def _short(problem: object) -> str:
    told = " ".join(str(problem).split()) or "no reason given"
    return f"{type(problem).__name__}: {told[:300]}".rstrip(".")


@contextmanager
def _quiet() -> Iterator[None]:
    """Dask warns of what a sentence says better, or what is as it must be: versions that differ, long arguments."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
