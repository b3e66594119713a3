from __future__ import annotations

import pytest
import torch

from semphase.errors import SemphaseError
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
