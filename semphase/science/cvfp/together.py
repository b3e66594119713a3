"""Small trainings side by side, one thread of tensor work each: together they fill the cores that one cannot."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import TypeVar

import torch

from semphase.measure.timing import one_thread

Item = TypeVar("Item")
Result = TypeVar("Result")
SMALL = 256
"""Width of a model up to which one of its products is over before several threads have shared it out."""


def workers_for(width: int, device: torch.device) -> int:
    """How many trainings of models so wide are worth running at once on this machine."""
    return torch.get_num_threads() if device.type == "cpu" and width <= SMALL else 1


def each_of(
    items: Sequence[Item], work: Callable[[Item], Result], workers: int, done: Callable[[Item], None]
) -> list[Result]:
    """The results in the order of the items; `done` is told of each in the calling thread, as it ends.

    The first error is raised once what is under way has ended; what has not begun by then does not begin. Tensor work
    gets one thread for each of several workers, all threads for a single one.
    """
    if workers == 1:
        return [_told(work(item), item, done) for item in items]
    with one_thread(), ThreadPoolExecutor(workers, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        running = {pool.submit(work, item): item for item in items}
        try:
            for future in as_completed(running):
                future.result()
                done(running[future])
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
        return [future.result() for future in running]


def _told(result: Result, item: Item, done: Callable[[Item], None]) -> Result:
    done(item)
    return result
