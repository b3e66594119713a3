"""Trainings in processes that share a device: the same numbers, their errors, and what becomes of one that dies."""

from __future__ import annotations

import multiprocessing
import os
import signal
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
import torch

from semphase.errors import SemphaseError
from semphase.remarks import heard_by
from semphase.science.cvfp import processes
from semphase.science.cvfp.model import Configuration, Recipe, normalised, train

CPU = torch.device("cpu")
BRIEF = Recipe(most=6, epochs=3, token_batch=64, context_batch=100)
SHAPE = Configuration(1, 1, 16, 24)
NOTICE = "CVFP trainings were done one at a time where cpu had no room for several."


@pytest.fixture(scope="module")
def given():
    rows = torch.randn(40, 16, generator=torch.Generator().manual_seed(3))
    text = np.random.default_rng(4).integers(40, size=(12, 20))
    return normalised(rows, np.arange(40)), text[:8], text[8:]


def some(do, given, folder, recipe=BRIEF, layers=1):
    shape = replace(SHAPE, layers=layers)
    return do(shape, recipe, *given, seeds=[1, 2], kind="fixed-point", folder=folder / f"{layers}")


def test_a_cpu_needs_no_processes_and_a_gpu_as_many_as_fit(monkeypatch):
    monkeypatch.setattr(torch, "get_num_threads", lambda: 16)
    assert processes.processes_for(CPU) == 1
    counts = []
    for room in (0.5, 1, 3.7, 100):
        monkeypatch.setattr(processes, "free_memory", lambda _device, room=room: int(room * processes.ROOM))
        counts.append(processes.processes_for(torch.device("cuda")))
    assert counts == [1, 1, 3, processes.MOST]


@pytest.mark.slow
def test_processes_give_the_numbers_and_errors_of_one(given, tmp_path):
    before = set(multiprocessing.active_children())
    with processes.trainers(2, CPU) as do, ThreadPoolExecutor(2) as threads:
        both = threads.map(lambda layers: some(do, given, tmp_path / "apart", layers=layers), (1, 2))
        for layers, found in zip((1, 2), both, strict=True):
            known = some(train, given, tmp_path / "here", layers=layers)
            assert all(own.identical(other) for own, other in zip(found, known, strict=True))
        with pytest.raises(SemphaseError, match="phase 2 of"):
            some(do, given, tmp_path / "wild", replace(BRIEF, token_rate=1e38))
    assert set(multiprocessing.active_children()) == before


@pytest.mark.slow
def test_where_a_process_dies_the_training_goes_on_here(given, tmp_path):
    told: list[str] = []
    before = set(multiprocessing.active_children())
    with processes.trainers(2, CPU) as do, heard_by(told):
        some(do, given, tmp_path / "first")
        for process in set(multiprocessing.active_children()) - before:
            os.kill(process.pid, signal.SIGKILL)
        found = some(do, given, tmp_path / "second")
    known = some(train, given, tmp_path / "here")
    assert all(own.identical(other) for own, other in zip(found, known, strict=True))
    assert told == [NOTICE]


def test_a_process_without_memory_is_done_without(given, tmp_path, monkeypatch):
    class Full:
        def submit(self, *_args, **_named):
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

    told: list[str] = []
    with heard_by(told):
        found = some(lambda *args, **named: processes._sent(Full(), *args, **named), given, tmp_path / "full")
    assert len(found) == 2
    assert told == [NOTICE]


@pytest.mark.slow
def test_an_interrupt_ends_the_processes(given, tmp_path):
    before = set(multiprocessing.active_children())

    def interrupted():
        with processes.trainers(2, CPU) as do:
            some(do, given, tmp_path / "first")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    for process in set(multiprocessing.active_children()) - before:
        process.join(timeout=20)
        assert not process.is_alive()
