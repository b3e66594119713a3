"""Which weights go where: home while there is room, else whole blocks over all devices, else a sentence."""

from __future__ import annotations

import pytest
import torch
from random_models import random_folder
from torch import nn

from semphase.errors import SemphaseError
from semphase.models import load, spread
from semphase.models.device import siblings

CPU, FIRST, SECOND = torch.device("cpu"), torch.device("meta"), torch.device("meta", 1)


def held(module):
    return sum(own.numel() * own.element_size() for own in module.parameters())


@pytest.fixture(scope="module")
def module(tmp_path_factory):
    return load(str(random_folder("llama", tmp_path_factory.mktemp("llama")))).module


def placed(module, monkeypatch, *room):
    """Where blocks went, and what stayed home, with so much room on some devices."""
    free = dict(zip((CPU, FIRST, SECOND), room, strict=False))
    went = []
    monkeypatch.setattr(spread, "SHARE", 1.0)
    monkeypatch.setattr(spread, "free_memory", free.get)
    monkeypatch.setattr(spread, "siblings", lambda _device: list(free))
    monkeypatch.setattr(spread, "spread", lambda _module, where, home: went.append((where, home)))
    spread.place(module, CPU, torch.float32, "mine")
    return went


def test_a_model_stays_whole_where_it_fits(module, monkeypatch):
    assert placed(module, monkeypatch, held(module), 10**12) == []


def test_whole_blocks_go_where_there_is_room_and_the_rest_stays(module, monkeypatch):
    blocks = spread.decoder_blocks(module)
    rest, each = held(module) - held(blocks), held(blocks[0])
    ((where, home),) = placed(module, monkeypatch, rest + 2.5 * each, 1.5 * each, 1.5 * each)
    assert home == CPU
    assert list(where) == list(blocks)
    assert [own.type for own in where.values()] == ["cpu", "meta", "meta"]
    assert [own.index for own in where.values()] == [None, None, 1]


def test_where_there_is_no_room_a_sentence_says_so(module, monkeypatch):
    with pytest.raises(
        SemphaseError, match=r"the weights of mine take 0\.0 GB in float32 and cpu has room for 0\.0 GB;"
    ):
        placed(module, monkeypatch, held(module) - 1)
    with pytest.raises(SemphaseError, match="GB on 2 devices together; choose a narrower --dtype or --device cpu"):
        placed(module, monkeypatch, held(module) - held(spread.decoder_blocks(module)), 10)
    with pytest.raises(SemphaseError, match="on 2 devices together"):  # the embedding alone is too large for the first
        placed(module, monkeypatch, 10, 10**12)


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
