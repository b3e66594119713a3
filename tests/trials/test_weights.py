"""What lies in the files is what is measured: weights are neither left out, nor made up, nor taken for other numbers."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from gguf import GGUFWriter
from gguf_files import write_gguf
from random_models import random_folder, random_model
from safetensors.torch import load_file, save_file

from semphase.errors import SemphaseError
from semphase.models import load
from semphase.models.read import check_module

Weights = dict[str, torch.Tensor]
BLOCK = "model.layers.0"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


@pytest.fixture
def folder(home: Path, tmp_path: Path) -> Callable[..., Path]:
    """A folder whose weights and configuration were changed."""

    def make(family: str = "llama", weights: Weights | None = None, without: str = "", **config: object) -> Path:
        made = shutil.copytree(random_folder(family, home), tmp_path / "model")
        held = {name: own for name, own in load_file(made / "model.safetensors").items() if name != without}
        save_file(held | (weights or {}), made / "model.safetensors", {"format": "pt"})
        told = json.loads((made / "config.json").read_text()) | config
        (made / "config.json").write_text(json.dumps(told))
        return made

    return make


def refused(path: Path) -> str:
    with pytest.raises(SemphaseError) as caught:
        load(str(path), device="cpu")
    assert "\n" not in str(caught.value)
    return str(caught.value)


def biases(layers: int = 3) -> Weights:
    names = [f"model.layers.{k}.self_attn.{part}_proj.bias" for k in range(layers) for part in "qo"]
    return {name: torch.ones(32) for name in names}


def test_biases_that_the_configuration_denies(folder):
    said = refused(folder(weights=biases(), attention_bias=False))
    assert f"hold {BLOCK}.self_attn.o_proj.bias, {BLOCK}.self_attn.q_proj.bias" in said
    assert "and 3 more, which the model that config.json describes has no part for" in said


def test_norms_of_another_family_than_the_configuration_says(folder):
    norms = {f"{BLOCK}.self_attn.{part}_norm.weight": torch.ones(8) for part in "qk"}
    assert f"hold {BLOCK}.self_attn.k_norm.weight, {BLOCK}.self_attn.q_norm.weight" in refused(folder(weights=norms))


def test_more_layers_than_the_configuration_counts(folder):
    assert "hold model.layers.2." in refused(folder(num_hidden_layers=2))


def test_a_head_that_the_configuration_takes_for_the_embedding(folder):
    said = refused(folder(tie_word_embeddings=True))
    assert "hold lm_head.weight apart from the embedding, and config.json ties the two" in said


def test_an_adapter_beside_the_weights(folder):
    made = folder()
    (made / "adapter_config.json").write_text("{}")
    assert "holds an adapter beside the weights" in refused(made)


def test_missing_weights_and_weights_of_another_shape(folder):
    assert f"do not fit its configuration: {BLOCK}.mlp.up_proj.weight" in refused(
        folder(without=f"{BLOCK}.mlp.up_proj.weight")
    )


@pytest.mark.parametrize("change", [{"intermediate_size": 40}, {"num_hidden_layers": 4}, {"vocab_size": 9}])
def test_a_configuration_of_another_size_is_refused_before_weights_are_read(folder, change):
    with pytest.raises(SemphaseError, match="do not fit its configuration: "):
        check_module(folder(**change))


def test_left_over_weights_are_refused_before_weights_are_read(folder):
    with pytest.raises(SemphaseError, match="has no part for"):
        check_module(folder(weights=biases()))


@pytest.mark.parametrize(
    ("family", "left"),
    [
        ("llama", {f"{BLOCK}.self_attn.rotary_emb.inv_freq": torch.ones(4)}),
        ("gpt2", {"transformer.h.0.attn.bias": torch.ones(1, 1, 64, 64, dtype=torch.uint8).tril()}),
        ("gpt2", {"transformer.h.0.attn.masked_bias": torch.tensor(-1e4)}),
        ("gpt_neox", {"gpt_neox.layers.0.attention.bias": torch.ones(1, 1, 64, 64, dtype=torch.bool).tril()}),
    ],
    ids=["frequencies", "gpt2's mask", "gpt2's masked bias", "gpt_neox's mask"],
)
def test_buffers_that_every_version_drops_are_no_weights(folder, home, family, left):
    model, plain = load(str(folder(family, left)), device="cpu"), random_model(family, home)
    tokens = torch.tensor([[5, 9, 30, 7]])
    assert torch.equal(model.module(tokens).logits, plain.module(tokens).logits)


def test_a_bias_that_is_no_mask_is_a_weight(folder):
    assert f"{BLOCK}.self_attn.mask" in refused(folder(weights={f"{BLOCK}.self_attn.mask": torch.ones(32)}))


def test_a_copy_of_the_embedding_is_no_weight_of_its_own(folder, home):
    table = load_file(random_folder("gpt2", home) / "model.safetensors")["transformer.wte.weight"]
    assert load(str(folder("gpt2", {"lm_head.weight": table.clone()})), device="cpu").family == "gpt2"


def test_the_eyes_of_a_model_that_is_read_for_its_text(folder):
    eyes = {"vision_tower.patch.weight": torch.ones(4)}
    assert load(str(folder(weights=eyes, vision_config={})), device="cpu").family == "llama"


def test_eyes_of_a_model_that_has_none(folder):
    assert "vision_tower.patch.weight" in refused(folder(weights={"vision_tower.patch.weight": torch.ones(4)}))


@pytest.mark.parametrize("family", ["llama", "qwen2"])
def test_factors_of_the_rotation_in_a_gguf_file(home, tmp_path, monkeypatch, family):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    header = GGUFWriter.write_header_to_file

    def with_tensor(writer: GGUFWriter, *args: object) -> None:
        writer.add_tensor("rope_freqs.weight", torch.full((4,), 8.0).numpy())
        header(writer, *args)

    monkeypatch.setattr(GGUFWriter, "write_header_to_file", with_tensor)
    path = write_gguf(random_model(family, home), tmp_path / "small.gguf")
    assert "holds 4 weights that transformers leaves out when it reads one (rope_freqs.weight)" in refused(path)
    assert not list((tmp_path / "cache").rglob("model.safetensors"))


PACKED = ["float8_e4m3fn", "float8_e5m2", "int8", "uint8", "int32"]


@pytest.mark.parametrize("kind", PACKED)
def test_packed_numbers_without_word_of_how_to_read_them(folder, kind):
    name = f"{BLOCK}.mlp.up_proj.weight"
    packed = {name: torch.ones(48, 32).to(getattr(torch, kind)), f"{name}_scale_inv": torch.ones(1, 1)}
    said = refused(folder(weights=packed))
    assert f"are packed numbers ({name} is of the type " in said
    assert "no quantization_config" in said


def test_scales_beside_plain_numbers(folder):
    assert "weight_scale" in refused(folder(weights={f"{BLOCK}.mlp.up_proj.weight_scale": torch.ones(1)}))


@pytest.mark.parametrize("kind", ["float64", "float32", "bfloat16", "float16"])
def test_plain_numbers_of_every_width_are_read(folder, home, kind):
    weights = load_file(random_folder("llama", home) / "model.safetensors")
    stored = {name: own.to(getattr(torch, kind)) for name, own in weights.items()}
    model = load(str(folder(weights=stored)), device="cpu")
    assert torch.equal(model.module.state_dict()["lm_head.weight"], stored["lm_head.weight"].float())


@pytest.mark.parametrize("method", ["bitsandbytes", "gptq", "unheard-of"])
def test_a_quantization_that_cannot_be_read_here(folder, method):
    made = folder(quantization_config={"quant_method": method, "bits": 4, "group_size": 32, "load_in_4bit": True})
    assert "cannot be read: " in refused(made)


def test_a_quantization_that_config_json_tells_of_is_undone(folder, home):
    """Where a GPU would keep the packed numbers, that is refused, since measurements change weights as numbers."""
    name, scale = f"{BLOCK}.mlp.up_proj.weight", torch.tensor([[0.25]])
    packed = torch.randint(-8, 8, (48, 32)).to(torch.float8_e4m3fn)
    told = {"quant_method": "fp8", "weight_block_size": [128, 128], "activation_scheme": "dynamic"}
    made = folder(weights={name: packed, f"{name}_scale_inv": scale}, quantization_config=told)
    if torch.cuda.is_available():
        refused(made)
    else:
        assert torch.equal(load(str(made), device="cpu").module.state_dict()[name], packed.float() * scale)
