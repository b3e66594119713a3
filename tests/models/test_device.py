from __future__ import annotations

import pytest
import torch

from semphase.errors import SemphaseError
from semphase.machine import hardware
from semphase.models import device


@pytest.fixture
def machine(monkeypatch):
    """`machine(cuda=…, mps=…)` pretends to be a machine with so many CUDA devices and with or without MPS."""

    def pretend(cuda: int = 0, mps: bool = False) -> None:
        monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda > 0)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: cuda)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)

    return pretend


@pytest.mark.parametrize(("has", "chosen"), [({}, "cpu"), ({"cuda": 1}, "cuda"), ({"mps": True}, "mps")])
def test_auto_takes_the_best_there_is(machine, has, chosen):
    machine(**has)
    assert device.resolve("auto") == torch.device(chosen)


@pytest.mark.parametrize(("name", "has"), [("cuda", {}), ("mps", {}), ("cuda:1", {"cuda": 1})])
def test_what_is_not_there_is_refused_with_a_way_out(machine, name, has):
    machine(**has)
    with pytest.raises(SemphaseError, match=rf"the device {name} was asked for .* use --device auto or cpu"):
        device.resolve(name)


def test_a_numbered_device(machine):
    machine(cuda=2)
    assert device.resolve("cuda:1") == torch.device("cuda", 1)


@pytest.mark.parametrize("name", ["gpu", "cuda:x", "", "auto:1"])
def test_unknown_names(name):
    with pytest.raises(SemphaseError, match="choose one of auto, cpu, cuda, mps"):
        device.resolve(name)


@pytest.mark.parametrize(("name", "set_to"), [("cuda:1", [1]), ("cuda", []), ("cpu", [])])
def test_the_device_in_use_is_the_one_that_reports_name(monkeypatch, name, set_to):
    chosen: list[int] = []
    monkeypatch.setattr(torch.cuda, "set_device", lambda own: chosen.append(own.index))
    device.use(torch.device(name))
    assert chosen == set_to
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: chosen[-1] if chosen else 0)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda number=0: f"card {number}")
    assert hardware()["gpu"] == f"card {(set_to or [0])[0]}"


def test_free_memory_counts_what_torch_holds_and_does_not_use(monkeypatch):
    assert device.free_memory(torch.device("cpu")) is None
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _device: (100, 1000))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda _device: 60)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda _device: 20)
    assert device.free_memory(torch.device("cuda")) == 140
