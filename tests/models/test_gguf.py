"""GGUF files: a round trip, one conversion for all processes, damage and strangers refused."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from gguf import GGUFReader
from gguf_files import write_gguf
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import semphase.models.gguf as gguf
from semphase.errors import SemphaseError
from semphase.models import integrity, load
from semphase.models.gguf_header import read_header


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch) -> Path:
    """A user cache of this test's own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "semphase" / "gguf"


@pytest.fixture(scope="module")
def original(loaded, tmp_path_factory) -> Path:
    return write_gguf(loaded("llama"), tmp_path_factory.mktemp("gguf") / "small.gguf")


@pytest.mark.parametrize("family", ["llama", "qwen2", "gemma3_text"])
def test_a_round_trip_keeps_the_weights(loaded, tmp_path, family):
    parent = loaded(family)
    original = write_gguf(parent, tmp_path / "small.gguf")
    model = load(str(original), device="cpu")
    ours, theirs = parent.module.state_dict(), model.module.state_dict()
    assert ours.keys() == theirs.keys()
    for name, weight in ours.items():  # gemma's norms lose their last bit when one is added and taken away
        torch.testing.assert_close(theirs[name], weight, atol=2e-7, rtol=0)
    if family != "gemma3_text":  # whose pattern of sliding windows a GGUF file cannot say
        tokens = torch.tensor([[5, 9, 30, 7]])
        torch.testing.assert_close(model.module(tokens).logits, parent.module(tokens).logits, atol=1e-6, rtol=1e-6)
    assert (model.name, model.family, model.processing) == ("small", family, "raw")
    assert model.sha256 == integrity.sha256([original])


def test_the_tokenizer_comes_along(original):
    assert load(str(original), device="cpu").encode("the") == [98, 71]  # "th" and "e"


def test_the_second_time_nothing_is_converted(original, monkeypatch, capfd):
    first = load(str(original), device="cpu")
    monkeypatch.setattr(gguf, "_convert", None)
    again = load(str(original), device="cpu")
    tokens = torch.tensor([[5, 9, 30, 7]])
    assert torch.equal(first.module(tokens).logits, again.module(tokens).logits)
    assert capfd.readouterr() == ("", "")


def test_a_damaged_conversion_is_made_again(original, cache):
    load(str(original), device="cpu")
    (converted,) = cache.glob("*/model.safetensors")
    os.truncate(converted, 100)
    assert load(str(original), device="cpu").layers == 3


def test_a_failed_conversion_leaves_nothing(original, cache, monkeypatch):
    def fail(_: Path, folder: Path) -> None:
        folder.mkdir()
        raise OSError("disk full")

    monkeypatch.setattr(gguf, "_convert", fail)
    assert "semphase/gguf (disk full): make room there, or set XDG_CACHE_HOME" in refused(original)
    assert [path.suffix for path in cache.iterdir()] == [".lock"]


CONVERT = """
import sys, time
from pathlib import Path
import semphase.models.gguf as gguf
real = gguf._convert
def slow(path, folder):
    print("converted", flush=True)
    real(path, folder)
    time.sleep(1)
gguf._convert = slow
Path(sys.argv[2]).touch()
while len(list(Path(sys.argv[2]).parent.glob("ready*"))) < 2:
    time.sleep(0.01)
gguf.converted(Path(sys.argv[1]), "0" * 64)
"""


@pytest.mark.slow
def test_two_processes_convert_once(original, tmp_path, cache):
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", CONVERT, str(original), str(tmp_path / f"ready{k}")],
            stdout=subprocess.PIPE,
            text=True,
        )
        for k in range(2)
    ]
    said = [worker.communicate(timeout=120)[0] for worker in workers]
    assert [worker.returncode for worker in workers] == [0, 0]
    assert "".join(said) == "converted\n"
    assert integrity.is_whole(cache / ("0" * 64))


def refused(path: Path) -> str:
    with pytest.raises(SemphaseError) as caught:
        load(str(path), device="cpu")
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_not_a_gguf_file(tmp_path):
    (tmp_path / "text.gguf").write_text("once upon a time")
    assert "text.gguf is no GGUF file" in refused(tmp_path / "text.gguf")


def test_an_empty_file(tmp_path):
    (tmp_path / "empty.gguf").touch()
    assert "is no GGUF file" in refused(tmp_path / "empty.gguf")


@pytest.mark.parametrize("share", [0.0, 0.001, 0.01, 0.05, 0.3, 0.6, 0.9, 0.999])
def test_a_file_cut_short(original, tmp_path, share):
    whole = original.read_bytes()
    (tmp_path / "cut.gguf").write_bytes(whole[: 5 + int(share * len(whole))])
    begin = time.monotonic()
    assert "cut.gguf is damaged or cut short" in refused(tmp_path / "cut.gguf")
    assert time.monotonic() - begin < 10


@settings(max_examples=200, deadline=1000, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_damaged_header_is_refused_or_harmless(original, tmp_path, data):
    whole = bytearray(original.read_bytes()[:6000])
    place = data.draw(st.integers(4, 5999))
    whole[place] = data.draw(st.integers(0, 255))
    (tmp_path / "hurt.gguf").write_bytes(whole + original.read_bytes()[6000:])
    with contextlib.suppress(SemphaseError):
        assert read_header(tmp_path / "hurt.gguf").parameters > 0


def test_the_header_counts_as_the_gguf_package_does(original):
    tensors = GGUFReader(original).tensors
    header = read_header(original)
    assert header.parameters == sum(int(tensor.n_elements) for tensor in tensors)
    assert header.length == max(int(tensor.data_offset + tensor.n_bytes) for tensor in tensors)


def test_a_family_that_transformers_cannot_read(loaded, tmp_path):
    path = write_gguf(loaded("llama"), tmp_path / "odd.gguf")
    path.write_bytes(path.read_bytes().replace(b"llama", b"lhama"))
    assert "cannot be read: GGUF model with architecture lhama is not supported yet" in refused(path)
