"""A comparison of models needs models that differ in their weights, whatever their names and files."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from gguf_files import write_gguf
from random_models import random_folder, random_model
from safetensors.torch import load_file, save_file

from semphase.models import Model, load
from semphase.models.alike import twins

Load = Callable[[Path], Model]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


@pytest.fixture
def copied(home: Path, tmp_path: Path) -> Path:
    """A copy of a folder, under another name."""
    return shutil.copytree(random_folder("llama", home), tmp_path / "copy")


def test_two_models_and_a_third_that_is_one_of_them(home, copied):
    models = (random_model("llama", home, 1), random_model("llama", home), load(str(copied), device="cpu"))
    assert twins(models) == ("llama-0", "copy")
    assert twins(models[:2]) is None


def test_a_copy_in_shards(home, copied):
    weights = load_file(copied / "model.safetensors")
    names = sorted(weights)
    index = {}
    for number, held in enumerate((names[::2], names[1::2])):
        file = f"model-{number}.safetensors"
        save_file({name: weights[name] for name in held}, copied / file, {"format": "pt"})
        index |= dict.fromkeys(held, file)
    (copied / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": index}))
    (copied / "model.safetensors").unlink()
    assert twins((random_model("llama", home), load(str(copied), device="cpu"))) == ("llama-0", "copy")


def test_a_copy_in_a_wider_type(home, copied):
    weights = load_file(copied / "model.safetensors")
    save_file({name: own.double() for name, own in weights.items()}, copied / "model.safetensors", {"format": "pt"})
    assert twins((random_model("llama", home), load(str(copied), device="cpu"))) == ("llama-0", "copy")


def test_a_gguf_file_of_the_folder(home, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    model = random_model("llama", home)
    other = load(str(write_gguf(model, tmp_path / "packed.gguf")), device="cpu")
    assert model.sha256 != other.sha256
    assert twins((model, other)) == ("llama-0", "packed")


def test_one_weight_that_differs_makes_another_model(home, copied):
    weights = load_file(copied / "model.safetensors")
    weights["model.norm.weight"][0] += 1
    save_file(weights, copied / "model.safetensors", {"format": "pt"})
    assert twins((random_model("llama", home), load(str(copied), device="cpu"))) is None


def test_other_sizes_and_families(home):
    assert twins((random_model("llama", home), random_model("gpt2", home), random_model("qwen3", home))) is None
