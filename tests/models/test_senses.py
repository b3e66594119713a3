"""A checkpoint of a model that sees is read as the part that text runs through, and equals the whole one on text."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from families.reference import eager
from families.small import HEADS, LAYERS, POSITIONS, WIDTH, small
from families.sweep import HEAD, IDS, LOSS, require_streams
from random_models import word_tokenizer
from safetensors.torch import load_file, save_file
from transformers import AutoModelForImageTextToText

from semphase.errors import SemphaseError
from semphase.measure.changes import Ablated
from semphase.measure.replay import Replay
from semphase.models import load, reinitialised
from semphase.models.quiet import quiet
from semphase.models.read import check_module

FAMILIES = ("gemma3", "mistral3", "qwen2_vl", "qwen2_5_vl", "qwen3_vl")


@pytest.fixture(scope="module")
def folder_of(tmp_path_factory):
    """A saved folder of a family, made once."""
    made: dict[str, Path] = {}

    def found(family: str) -> Path:
        if family not in made:
            made[family] = tmp_path_factory.mktemp("models") / family
            with quiet():
                small(family).save_pretrained(made[family])
            word_tokenizer().save_pretrained(made[family])
        return made[family]

    return found


def of_senses(names) -> list[str]:
    return [name for name in names if "vis" in name or "multi_modal" in name]


@pytest.mark.parametrize("family", FAMILIES)
def test_the_text_part_is_that_of_the_whole_model(folder_of, family):
    folder = folder_of(family)
    model = load(str(folder), device="cpu")
    with quiet():
        whole = AutoModelForImageTextToText.from_pretrained(folder).eval()
    own = eager(whole, IDS, model.layers, model.heads)
    with Replay(model, IDS) as replay:
        require_streams(replay, own)
        found = float(replay.losses({1: Ablated((HEAD,))}).double().mean())
    assert found == pytest.approx(own.loss_without(1, HEAD), abs=LOSS)
    assert abs(found - own.loss()) > 2 * LOSS
    assert (model.layers, model.heads, model.d_model, model.context) == (LAYERS, HEADS, WIDTH, POSITIONS)


@pytest.mark.parametrize("family", FAMILIES)
def test_what_sees_is_dropped_and_nothing_else(folder_of, family):
    stored = load_file(folder_of(family) / "model.safetensors")
    model = load(str(folder_of(family)), device="cpu")
    read = dict(model.module.named_parameters())
    assert of_senses(stored)
    assert not of_senses(read)
    seeing = sum(stored[name].numel() for name in of_senses(stored))
    assert model.parameters == sum(own.numel() for own in stored.values()) - seeing


@pytest.fixture
def with_weight(folder_of, tmp_path):
    """A folder of one more weight."""

    def made(family: str, name: str) -> Path:
        for file in folder_of(family).iterdir():
            (tmp_path / file.name).write_bytes(file.read_bytes())
        weights = load_file(tmp_path / "model.safetensors")
        save_file(weights | {name: torch.ones(WIDTH)}, tmp_path / "model.safetensors", {"format": "pt"})
        return tmp_path

    return made


@pytest.mark.parametrize("family", ["gemma3", "qwen2_vl"])
def test_left_over_weights_of_the_text_part_are_refused(folder_of, with_weight, family):
    stored = load_file(folder_of(family) / "model.safetensors")
    of_text = next(name for name in stored if "o_proj" in name and not of_senses([name]))
    name = of_text.replace("o_proj.weight", "o_proj.bias")
    with pytest.raises(
        SemphaseError, match=r"o_proj\.bias, which the model that config\.json describes has no part for"
    ):
        check_module(with_weight(family, name))


def test_an_untrained_copy_sees_nothing_either(folder_of):
    model = load(str(folder_of("gemma3")), device="cpu")
    copy = reinitialised(model, seed=1)
    assert copy.parameters == model.parameters
    assert not torch.equal(copy.module.get_input_embeddings().weight, model.module.get_input_embeddings().weight)
