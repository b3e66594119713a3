"""Which weights go where: home while there is room, else whole blocks over all devices, else a sentence."""

from __future__ import annotations

import pytest
import torch
from random_models import CONFIGS
from torch import nn
from transformers import AutoConfig, AutoModelForCausalLM

from semphase.errors import SemphaseError
from semphase.models import spread
from semphase.models.device import siblings
from semphase.models.memory import NoRoom

CPU, FIRST, SECOND = torch.device("cpu"), torch.device("meta"), torch.device("meta", 1)


def held(module):
    return sum(own.numel() * own.element_size() for own in module.parameters())


@pytest.fixture(scope="module")
def module():
    """Six blocks."""
    config = AutoConfig.for_model("llama", **CONFIGS["llama"] | {"num_hidden_layers": 6}, vocab_size=100)
    return AutoModelForCausalLM.from_config(config)


def units(module, rest, *blocks):
    """Bytes of some devices: on the first all but the blocks, times `rest`, and so many blocks on each."""
    each = held(spread.decoder_blocks(module)[0])
    beside = held(module) - 6 * each
    return [int(rest * beside + (blocks[0] + 0.5) * each), *(int((own + 0.5) * each) for own in blocks[1:])]


def placed(module, monkeypatch, *room):
    """How many blocks went where, with so much room on some devices; None where the model stayed whole."""
    free = dict(zip((CPU, FIRST, SECOND), room, strict=False))
    went = []
    monkeypatch.setattr(spread, "SHARE", 1.0)
    monkeypatch.setattr(spread, "free_memory", free.get)
    monkeypatch.setattr(spread, "siblings", lambda _device: list(free))
    monkeypatch.setattr(spread, "spread", lambda _module, where, home: went.append((where, home)))
    spread.place(module, CPU, torch.float32, "mine")
    if not went:
        return None
    ((where, home),) = went
    assert home == CPU
    assert list(where) == list(spread.decoder_blocks(module))
    return tuple(list(where.values()).count(device) for device in free)


def test_a_model_stays_whole_where_it_fits(module, monkeypatch):
    assert placed(module, monkeypatch, held(module), 10**12) is None
    assert placed(module, monkeypatch, held(module)) is None


@pytest.mark.parametrize(
    ("rest", "blocks", "went"),
    [
        (1, (2, 2, 2), (2, 2, 2)),  # no room but this
        (1, (0, 3, 3), (0, 3, 3)),
        (1, (0, 1, 5), (0, 1, 5)),
        (1, (4, 1, 1), (4, 1, 1)),
        (1, (4, 2), (4, 2)),
    ],
)
def test_whole_blocks_go_where_there_is_room_and_the_rest_stays(module, monkeypatch, rest, blocks, went):
    assert placed(module, monkeypatch, *units(module, rest, *blocks)) == went


def test_devices_of_one_size_have_equal_shares(module, monkeypatch):
    home, *others = placed(module, monkeypatch, *units(module, 1, 5, 90, 90))
    assert home < 3  # it has the rest as well
    assert max(others) <= 3


def test_what_fits_no_better_elsewhere_stays(module, monkeypatch):
    assert placed(module, monkeypatch, held(module) - 1, 0) is None  # there is no other that can be had
    assert placed(module, monkeypatch, *units(module, 0.5, -0.5, 90, 90)) is None  # the rest is too large for the first


def test_a_device_that_cannot_be_had_is_none():
    def busy(_device):
        raise RuntimeError("CUDA error: all CUDA-capable devices are busy or unavailable")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(spread, "free_memory", busy)
        assert spread._free(FIRST) == 0


@pytest.mark.parametrize(
    ("device", "several", "ways"),
    [
        ("cuda:1", 1, "--device cpu, --device cuda to spread them over all of its kind, or a larger device."),
        ("cuda", 2, "--device cpu, or larger devices."),
    ],
)
def test_where_there_is_no_room_a_sentence_says_so(module, monkeypatch, device, several, ways):
    def full(*_args, **named):
        if "device" in named:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

    monkeypatch.setattr(nn.Module, "to", full)
    monkeypatch.setattr(spread, "siblings", lambda _device: [CPU, FIRST][:several])
    monkeypatch.setattr(spread, "free_memory", lambda _device: 0)
    with pytest.raises(NoRoom) as caught:
        spread.place(module, torch.device(device), torch.bfloat16, "mine")
    assert str(caught.value).startswith(
        f"{device} has no room for the weights of mine, 0.0 GB in bfloat16; choose a narrower"
    )
    assert str(caught.value).endswith(ways)


def test_other_errors_are_not_taken_for_it(module, monkeypatch):
    monkeypatch.setattr(nn.Module, "to", lambda *_args, **_named: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        spread.place(module, CPU, torch.float32, "mine")


def test_devices_that_copy_zeros_are_refused(module, monkeypatch):
    monkeypatch.setattr(torch, "equal", lambda *_: False)
    with pytest.raises(SemphaseError, match="what is copied from cpu to cpu:0 and back arrives changed"):
        spread.spread(module, {spread.decoder_blocks(module)[0]: torch.device("cpu", 0)}, CPU)


def test_the_longest_list_that_is_in_no_other_holds_the_blocks():
    def block():
        return nn.ModuleDict({"experts": nn.ModuleList(nn.Linear(2, 2) for _ in range(9))})

    module = nn.ModuleDict(
        {"few": nn.ModuleList([nn.Linear(2, 2)]), "layers": nn.ModuleList(block() for _ in range(3))}
    )
    assert spread.decoder_blocks(module) is module["layers"]
    assert len(spread.decoder_blocks(nn.Linear(2, 2))) == 0


def test_a_numbered_device_is_meant_alone(monkeypatch):
    monkeypatch.setattr("torch.cuda.device_count", lambda: 3)
    monkeypatch.setattr("torch.cuda.current_device", lambda: 1)
    assert [str(own) for own in siblings(torch.device("cuda"))] == ["cuda:1", "cuda:2", "cuda:0"]
    assert siblings(torch.device("cuda:2")) == [torch.device("cuda:2")]
    assert siblings(CPU) == [CPU]
