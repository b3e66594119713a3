"""Weights that are missing, damaged or pickled are refused in one sentence, before anything reads them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from random_models import random_folder
from safetensors.torch import save_file

from semphase.errors import SemphaseError
from semphase.models import integrity


@pytest.fixture
def folder(home: Path, tmp_path: Path) -> Path:
    """A model folder to damage."""
    return shutil.copytree(random_folder("llama", home), tmp_path / "model")


def refused(folder: Path) -> str:
    with pytest.raises(SemphaseError) as caught:
        integrity.weight_files(folder)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_sound_folder(folder):
    assert [path.name for path in integrity.weight_files(folder)] == ["model.safetensors"]
    assert integrity.is_whole(folder)


def test_pickles_are_refused(folder):
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(b"pickle")
    assert "only the pickle pytorch_model.bin, which could run code" in refused(folder)
    assert not integrity.is_whole(folder)


def test_no_weights_at_all(folder):
    (folder / "model.safetensors").unlink()
    assert "but has none" in refused(folder)


@given(cut=st.integers(min_value=0, max_value=4000), where=st.sampled_from(["front", "back"]))
def test_every_truncation_is_noticed(tmp_path_factory, cut, where):
    folder = tmp_path_factory.mktemp("cut")
    save_file({"a": torch.arange(500.0), "b": torch.ones(3, 2)}, folder / "model.safetensors")
    whole = (folder / "model.safetensors").read_bytes()
    kept = whole[: min(cut, len(whole) - 1)] if where == "front" else whole[: max(0, len(whole) - 1 - cut)]
    (folder / "model.safetensors").write_bytes(kept)
    assert "damaged or cut short" in refused(folder)


@given(junk=st.binary(max_size=200))
def test_junk_is_never_taken_for_weights(tmp_path_factory, junk):
    folder = tmp_path_factory.mktemp("junk")
    (folder / "model.safetensors").write_bytes(junk)
    assert "damaged or cut short" in refused(folder)


def test_bytes_behind_the_weights_are_noticed(folder):
    with (folder / "model.safetensors").open("ab") as handle:
        handle.write(b"more")
    assert "damaged or cut short" in refused(folder)


def test_a_missing_shard_is_named(folder):
    (folder / "model.safetensors").rename(folder / "model-00001-of-00002.safetensors")
    places = {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": places}))
    assert "model-00002-of-00002.safetensors are missing" in refused(folder)


@pytest.mark.parametrize(("text", "why"), [("{", "not JSON"), ("{}", "no weight_map"), ("[]", "not a JSON object")])
def test_a_damaged_index(folder, text, why):
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors.index.json").write_text(text)
    assert why in refused(folder)


def test_the_hash_runs_over_all_files(tmp_path):
    (tmp_path / "one").write_bytes(b"ab")
    (tmp_path / "two").write_bytes(b"c")
    known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # of "abc", FIPS 180-2
    assert integrity.sha256([tmp_path / "one", tmp_path / "two"]) == known


def test_a_file_that_changed_is_hashed_again(tmp_path):
    (tmp_path / "one").write_bytes(b"ab")
    before = integrity.sha256([tmp_path / "one"])
    (tmp_path / "one").write_bytes(b"abc")
    assert integrity.sha256([tmp_path / "one"]) != before


def test_a_broken_pin():
    integrity.require_pin("tiny", "0" * 64, None)
    integrity.require_pin("tiny", "0" * 64, "0" * 64)
    with pytest.raises(SemphaseError, match="the weights of tiny have the SHA-256 000000000000… instead of 111"):
        integrity.require_pin("tiny", "0" * 64, "1" * 64)
