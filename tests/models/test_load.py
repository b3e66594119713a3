"""Every form of a model name, and one sentence for whatever cannot be loaded."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from random_models import random_folder, random_model
from safetensors.torch import load_file, save_file
from tokenizers.processors import TemplateProcessing

import semphase.models.packaged as places
from semphase.errors import SemphaseError
from semphase.models import CATALOGUE, fixture, load

TEXT = "the bank near the boat"


@pytest.fixture
def folder(home: Path, tmp_path: Path) -> Path:
    """A llama folder to damage."""
    return shutil.copytree(random_folder("llama", home), tmp_path / "model")


def refused(name: str | Path, **options: str) -> str:
    with pytest.raises(SemphaseError) as caught:
        load(str(name), device="cpu", **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def edit(path: Path, **changes: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_a_folder_gives_a_model_that_is_ready(folder):
    model = load(str(folder), device="cpu")
    assert (model.name, model.family, model.processing) == ("model", "llama", "raw")
    assert (model.layers, model.heads, model.d_model, model.context) == (3, 4, 32, 64)
    assert len(model.sha256) == 64
    assert model.size_class == "tiny"
    assert model.parameters == sum(weight.numel() for weight in model.module.parameters())
    assert not model.module.training
    assert not any(weight.requires_grad for weight in model.module.parameters())


def test_loading_prints_nothing(folder, capfd):
    load(str(folder), device="cpu")
    assert capfd.readouterr() == ("", "")


def test_shared_parameters_count_once(loaded):
    model = loaded("gpt2", processing="raw")
    assert model.parameters == sum(
        {id(w): w.numel() for w in model.module.state_dict(keep_vars=True).values()}.values()
    )


@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16", "float16"])
@pytest.mark.parametrize("family", ["gpt2", "llama"])
def test_the_dtype_is_the_one_asked_for(loaded, family, dtype):
    model = loaded(family, dtype=dtype)
    assert {weight.dtype for weight in model.module.parameters()} == {getattr(torch, dtype)} == {model.dtype}
    logits = model.module(torch.tensor([model.encode(TEXT)])).logits
    assert bool(logits.isfinite().all())


def test_gpt2_gets_its_bos_token_and_the_others_their_tokenizers_default(loaded):
    gpt2, llama = loaded("gpt2"), loaded("llama")
    assert gpt2.encode(TEXT) == [0, *llama.encode(TEXT)]
    assert (gpt2.prepend_bos, llama.prepend_bos) == (True, False)


def test_a_tokenizer_that_adds_bos_and_eos_keeps_the_first_only(home, tmp_path):
    model = random_model("llama", home)
    model.tokenizer.backend_tokenizer.post_processor = TemplateProcessing(
        single="<bos> $A <pad>", special_tokens=[("<bos>", 0), ("<pad>", 1)]
    )
    model.tokenizer.eos_token = "<pad>"
    bare = model.tokenizer.encode(TEXT, add_special_tokens=False)
    assert model.encode(TEXT) == [0, *bare]
    shutil.copytree(random_folder("llama", home), tmp_path / "bos")
    model.tokenizer.save_pretrained(tmp_path / "bos")
    assert load(str(tmp_path / "bos"), device="cpu").prepend_bos


def test_one_text_gives_one_result_from_disk_and_from_shards(folder):
    whole = load(str(folder), device="cpu")
    weights = load_file(folder / "model.safetensors")
    names = sorted(weights)
    shards = {"model-00001-of-00002.safetensors": names[:9], "model-00002-of-00002.safetensors": names[9:]}
    for shard, held in shards.items():
        save_file({name: weights[name] for name in held}, folder / shard, {"format": "pt"})
    index = {"metadata": {}, "weight_map": {name: shard for shard, held in shards.items() for name in held}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    (folder / "model.safetensors").unlink()
    tokens = torch.tensor([whole.encode(TEXT)])
    assert torch.equal(load(str(folder), device="cpu").module(tokens).logits, whole.module(tokens).logits)


@pytest.mark.parametrize("name", ["tiny-short", "tiny", "tiny-deep"])
def test_packaged_models_load_and_have_their_pinned_weights(name):
    try:
        fixture(name)
    except SemphaseError:
        pytest.skip(f"{name} has not been made yet")
    model = load(name, device="cpu")
    assert (model.name, model.size_class, model.processing) == (name, "tiny", "folded")
    assert model.parameters == CATALOGUE[name].parameters
    assert model.sha256 == CATALOGUE[name].sha256


def test_a_missing_fixture(monkeypatch, tmp_path):
    monkeypatch.setattr(places, "_PLACES", (tmp_path,))
    assert refused("tiny").startswith("the packaged data 'tiny' is missing")


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("gpt2-medum", "gpt2-medium (355M)"),
        ("smollm", "smollm2-135m (135M)"),
        ("gemma-270m", "gemma3-270m (268M)"),
        ("Tiny", "tiny"),
    ],
)
def test_misspelt_names_are_answered_at_once_with_the_nearest(name, near):
    begin = time.monotonic()
    assert near in refused(name)
    assert time.monotonic() - begin < 1


def test_a_name_like_no_other_gets_the_whole_list():
    message = refused("qqqq")
    assert all(name in message for name in CATALOGUE)


@pytest.mark.parametrize("name", ["./nowhere", "/no/where", "~/nowhere", "nowhere.gguf", "no/where.gguf"])
def test_paths_that_lead_nowhere(name):
    assert refused(name) == f"there is no model file or folder {name}"


def test_a_file_that_is_no_model(tmp_path):
    (tmp_path / "weights.bin").write_bytes(b"pickle")
    assert refused(tmp_path / "weights.bin").endswith("is neither a model folder nor a .gguf file")


def test_a_folder_without_configuration(folder):
    (folder / "config.json").unlink()
    assert "is no model folder: it has no config.json" in refused(folder)


def test_a_damaged_configuration(folder):
    (folder / "config.json").write_text("{")
    assert "config.json is damaged (not JSON)" in refused(folder)


@pytest.mark.parametrize("foreign", [{"model_type": "wizard"}, {"model_type": None}])
def test_a_family_that_transformers_does_not_know(folder, foreign):
    edit(folder / "config.json", **foreign)
    assert f"is of the family {foreign['model_type']!r}, which transformers cannot build" in refused(folder)


def test_code_beside_the_weights_is_never_run(folder):
    edit(folder / "config.json", model_type="wizard", auto_map={"AutoConfig": "evil.Config"})
    (folder / "evil.py").write_text("raise SystemExit('ran')")
    assert "without foreign code" in refused(folder)


def test_pickled_weights_are_refused(folder):
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    assert "which could run code" in refused(folder)


def test_weights_cut_short(folder):
    os.truncate(folder / "model.safetensors", 5000)
    assert "model.safetensors are damaged or cut short" in refused(folder)


def test_weights_of_another_shape(folder):
    edit(folder / "config.json", intermediate_size=40)
    assert "do not fit its configuration: model.layers.0.mlp" in refused(folder)


def test_missing_weights_are_not_made_up(folder):
    weights = load_file(folder / "model.safetensors")
    del weights["model.layers.1.mlp.up_proj.weight"]
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    assert "do not fit its configuration: model.layers.1.mlp.up_proj.weight" in refused(folder)


def test_no_tokenizer(folder):
    for path in folder.glob("tokenizer*"):
        path.unlink()
    assert "has no tokenizer" in refused(folder)


def test_a_damaged_tokenizer(folder):
    (folder / "tokenizer.json").write_text("{}")
    assert "the tokenizer in" in refused(folder)


@pytest.mark.parametrize("content", ["{", '{"version": "1.0"}', "not json"])
def test_more_damaged_tokenizers(folder, content):
    (folder / "tokenizer.json").write_text(content)
    assert "the tokenizer in" in refused(folder)


def test_a_gpt2_model_without_a_bos_token(home, tmp_path):
    folder = shutil.copytree(random_folder("gpt2", home), tmp_path / "no-bos")
    edit(folder / "config.json", bos_token_id=50256)
    assert load(str(folder), device="cpu").encode(TEXT)[0] == 0  # the tokenizer's, since the model has no such token
    edit(folder / "tokenizer_config.json", bos_token=None)
    assert "no BOS token" in refused(folder)


def test_long_texts_raise_no_warning(loaded, capfd):
    loaded("llama").encode(TEXT * 500)
    assert capfd.readouterr() == ("", "")


def test_an_encoder_is_refused(folder):
    edit(folder / "config.json", model_type="vit")
    assert "cannot be read" in refused(folder)


HUB = """
import sys, time
from semphase.errors import SemphaseError
from semphase.models import load
begin = time.monotonic()
try:
    load(sys.argv[1])
except SemphaseError as error:
    print(error)
print(time.monotonic() - begin)
"""


def ask_hub(name: str, cache: Path, **environment: str) -> tuple[str, float]:
    settings = os.environ | {"HF_HOME": str(cache), "HF_HUB_OFFLINE": "0"} | environment
    done = subprocess.run(
        [sys.executable, "-c", HUB, name],
        capture_output=True,
        text=True,
        timeout=120,
        env=settings,
        check=True,
    )
    message, seconds = done.stdout.splitlines()
    return message, float(seconds)


@pytest.mark.slow
def test_an_unreachable_hub_fails_soon_and_names_the_ways_out(tmp_path):
    with socket.socket() as closed, socket.socket() as silent:
        for server in (closed, silent):
            server.bind(("127.0.0.1", 0))
        silent.listen(8)  # connects and never answers
        hubs = {
            "closed": (closed, {}), "silent": (silent, {}), "offline": (closed, {"HF_HUB_OFFLINE": "1"}),
        }  # fmt: skip
        with ThreadPoolExecutor() as pool:
            told = {
                name: pool.submit(ask_hub, "gpt2", tmp_path / name, HF_ENDPOINT=address(server), **settings)
                for name, (server, settings) in hubs.items()
            }
    for name, asked in told.items():
        message, seconds = asked.result()
        assert f"is not in the cache {tmp_path / name / 'hub'} and the hub cannot be reached" in message
        assert "a model folder, a .gguf file, tiny, smollm2-135m or gemma3-270m" in message
        assert seconds < 60


def address(server: socket.socket) -> str:
    return f"http://127.0.0.1:{server.getsockname()[1]}"


def test_a_model_in_the_cache_needs_no_network(home, tmp_path, monkeypatch):
    snapshot = tmp_path / "models--some--llama" / "snapshots" / ("0" * 40)
    shutil.copytree(random_folder("llama", home), snapshot)
    refs = tmp_path / "models--some--llama" / "refs"
    refs.mkdir()
    (refs / "main").write_text("0" * 40)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    assert load("some/llama", device="cpu").name == "some/llama"
    assert "is not in the cache" in refused("some/other")
