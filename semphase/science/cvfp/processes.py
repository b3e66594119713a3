"""Trainings in processes that share a GPU: a single one starts small products slower than the GPU makes them."""

from __future__ import annotations

import io
import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import partial
from multiprocessing.connection import wait
from typing import Any

import numpy as np
import torch
import xarray as xr

from semphase.models.device import free_memory
from semphase.models.memory import lacks_memory
from semphase.models.precision import use_full_precision
from semphase.remarks import remark
from semphase.science.cvfp.model import Vocabulary, train

Train = Callable[..., list[xr.Dataset]]
MOST = 8
"""Processes: more start products faster than any one GPU makes them."""
ROOM = 2 * 2**30
"""Bytes of the GPU's memory that a process may need: CUDA's own, and those of a training."""
_ALONE = threading.Lock()


def processes_for(device: torch.device) -> int:
    """How many processes are worth having; one where the device has no memory of its own, since threads do there."""
    free = free_memory(device)
    return 1 if free is None else max(1, min(MOST, torch.get_num_threads(), free // ROOM))


@contextmanager
def trainers(count: int, device: torch.device) -> Iterator[Train]:
    """What is called as `train` is, from several threads, and trains in one of so many processes.

    Where a process dies or memory lacks, the training goes on here, one at a time, with a notice.
    """
    others = set(multiprocessing.active_children())
    pool = ProcessPoolExecutor(count, multiprocessing.get_context("spawn"), _begin, (str(device),))
    try:
        yield partial(_sent, pool)
        pool.shutdown()
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        for process in set(multiprocessing.active_children()) - others:
            process.terminate()
        raise


def _sent(
    pool: ProcessPoolExecutor, configuration: Any, recipe: Any, vocabulary: Vocabulary, *rest: Any, **named: Any
) -> Any:
    try:
        return pool.submit(_trained, configuration, recipe, _packed(vocabulary), *rest, **named).result()
    except (BrokenProcessPool, RuntimeError, MemoryError) as error:
        if not isinstance(error, BrokenProcessPool) and not lacks_memory(error):
            raise
    with _ALONE:
        remark(f"CVFP trainings were done one at a time where {vocabulary.rows.device} had no room for several.")
        return train(configuration, recipe, vocabulary, *rest, **named)


def _begin(device: str) -> None:
    """In a new process: it ends with the one that began it, and takes the device."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()
    use_full_precision()
    torch.set_num_threads(1)
    torch.zeros(1, device=device)


def _end_with(sentinel: int) -> None:
    wait([sentinel])
    os._exit(1)


def _trained(configuration: Any, recipe: Any, vocabulary: bytes, *rest: Any, **named: Any) -> list[xr.Dataset]:
    return train(configuration, recipe, _unpacked(vocabulary), *rest, **named)


def _packed(vocabulary: Vocabulary) -> bytes:
    """Without handles of the GPU's memory, which would have to outlive the other process."""
    file = io.BytesIO()
    rows, head = vocabulary.rows, vocabulary.head
    told = {"rows": rows.cpu(), "head": head.cpu(), "types": torch.from_numpy(np.asarray(vocabulary.types))}
    torch.save(told | {"device": str(rows.device)}, file)
    return file.getvalue()


def _unpacked(content: bytes) -> Vocabulary:
    told = torch.load(io.BytesIO(content), weights_only=True)
    device = told["device"]
    return Vocabulary(told["rows"].to(device), told["head"].to(device), told["types"].numpy())
