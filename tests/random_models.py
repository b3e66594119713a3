"""Small random models of many families, saved to disk with a word-level tokenizer: no training needed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import WhitespaceSplit
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedTokenizerFast

from semphase.data.corpus import grammar
from semphase.models import Model, load
from semphase.models.quiet import quiet

_SPECIAL = ("<bos>", "<pad>", "<unk>")
_WIDTH, _LAYERS, _HEADS, _POSITIONS = 32, 3, 4, 64
_GATED: dict[str, Any] = {
    "hidden_size": _WIDTH,
    "num_hidden_layers": _LAYERS,
    "num_attention_heads": _HEADS,
    "intermediate_size": 48,
    "max_position_embeddings": _POSITIONS,
}
_GQA = {**_GATED, "num_key_value_heads": 2, "head_dim": 8}
CONFIGS: dict[str, dict[str, Any]] = {
    "gpt2": {"n_embd": _WIDTH, "n_layer": _LAYERS, "n_head": _HEADS, "n_positions": _POSITIONS},
    "llama": _GQA,
    "gemma3_text": {
        **_GQA,
        "sliding_window": 4,
        "layer_types": ["sliding_attention"] * 2 + ["full_attention"],
    },
    "gpt_neox": _GATED,
    "qwen2": {**_GATED, "num_key_value_heads": 2},
    "opt": {**_GATED, "ffn_dim": 48, "word_embed_proj_dim": _WIDTH},
    "qwen3": _GQA,
    "mistral": {**_GQA, "sliding_window": None},
    "phi": _GATED,
}
FAMILIES = tuple(CONFIGS)


def random_model(family: str, home: Path, seed: int = 0, **options: Any) -> Model:
    """A random model of a family, 3 layers of 4 heads, 32 wide, 64 positions; `options` go to `load`."""
    return load(str(random_folder(family, home, seed)), **{"device": "cpu", **options})


def random_folder(family: str, home: Path, seed: int = 0) -> Path:
    """The same model as a Hugging Face folder below `home`."""
    folder = home / f"{family}-{seed}"
    if not folder.exists():
        tokenizer = word_tokenizer()
        config = AutoConfig.for_model(
            family,
            **CONFIGS[family],
            vocab_size=len(tokenizer),
            initializer_range=0.2,
            bos_token_id=0,
            eos_token_id=0,
            pad_token_id=1,
        )
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            module = AutoModelForCausalLM.from_config(config)
            # Norms and biases start as ones and zeros, which would hide errors.
            for weight in module.parameters():
                if weight.ndim == 1:
                    torch.nn.init.normal_(weight, weight.detach().mean().item(), 0.2)
        with quiet():
            module.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
    return folder


def word_tokenizer() -> PreTrainedTokenizerFast:
    """The tiny language's words, split at white space; nothing is added to a text."""
    words = {word: index for index, word in enumerate((*_SPECIAL, *grammar.vocabulary()))}
    inner = Tokenizer(WordLevel(words, unk_token="<unk>"))
    inner.pre_tokenizer = WhitespaceSplit()
    return PreTrainedTokenizerFast(
        tokenizer_object=inner, bos_token="<bos>", eos_token="<bos>", pad_token="<pad>", unk_token="<unk>"
    )
