"""The size class of a model, known by its name before it is loaded."""

from __future__ import annotations

import pytest
from gguf_files import write_gguf
from random_models import random_folder

from semphase.models import CATALOGUE, size_class
from semphase.models.size import class_of


@pytest.mark.parametrize(
    ("parameters", "name"),
    [
        (49_999_999, "tiny"),
        (50_000_000, "small"),
        (250_000_000, "medium"),
        (500_000_000, "large"),
        (1_200_000_000, "xl"),
    ],
)
def test_the_bounds(parameters, name):
    assert class_of(parameters) == name


def test_the_catalogue():
    sizes = [size_class(name) for name in CATALOGUE]
    assert sizes == ["tiny", "tiny", "tiny", "small", "medium", "small", "medium", "large", "xl"]


def test_folders_and_files(home, loaded, tmp_path):
    assert size_class(str(random_folder("llama", home))) == loaded("llama").size_class
    assert size_class(str(write_gguf(loaded("llama"), tmp_path / "small.gguf"))) == "tiny"


@pytest.mark.parametrize("name", ["some/model", "./nowhere", "qqqq"])
def test_what_only_loading_could_tell(name):
    assert size_class(name) is None


def test_a_damaged_folder_is_left_to_the_loader(tmp_path):
    assert size_class(str(tmp_path)) is None
