"""Every family that transformers registers is measured as its own code computes, or refused in a sentence.

docs/families.md says which.
"""

from __future__ import annotations

import pytest
from families.small import FAMILIES, SENSES, small
from families.sweep import compared, outcome
from families.table import PAGE, row
from random_models import CONFIGS

from semphase.errors import SemphaseError

# One of each kind: known by name; multiplied branches; attention inside transformers; sinks; no adapter; chosen keys;
# linear layers among others; a multimodal class; refused because positions see later ones, post-norm and recurrent blocks.
SOME = (
    "llama", "granite", "gptj", "bloom", "mpt", "gpt_oss", "ministral", "deepseek_v32", "qwen3_next", "mistral3", "bert",
    "openai-gpt", "mamba",
)  # fmt: skip


@pytest.mark.parametrize("family", SOME)
def test_one_family_of_each_kind(family):
    assert row(outcome(family)) in PAGE.read_text(encoding="utf-8").splitlines()


@pytest.mark.slow
@pytest.mark.parametrize("family", sorted((FAMILIES | SENSES).keys() - set(SOME)))
def test_every_family(family):
    assert row(outcome(family)) in PAGE.read_text(encoding="utf-8").splitlines()


USED = (
    *CONFIGS, "granite", "falcon", "bloom", "mpt", "ministral", "helium", "minimax", "gpt_oss", "gptj", "gpt_neo", "codegen",
    "xglm", "gemma2", "gemma3", "mistral3", "qwen2_vl", "qwen2_5_vl", "qwen3_vl", "phi3", "mixtral", "qwen3_moe", "olmo2",
    "smollm3", "cohere", "glm4", "deepseek_v3", "stablelm", "starcoder2", "nemotron", "llama4_text",
)  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("family", USED)
def test_what_people_use_is_measured_with_all_its_heads(family):
    found = outcome(family)
    assert found.kind == "equal", found.reason
    assert found.closed == ()


def test_blocks_that_leave_keys_and_values_for_others_are_refused():
    """A replay from a middle block would read those of whatever ran last."""
    module = small("mistral_large4")
    text = module.config.get_text_config()
    sharing = type(text)(**text.to_dict() | {"kv_source_layers": [0, 1, 0, 1]})
    made = type(module)(type(module.config)(**module.config.to_dict() | {"text_config": sharing.to_dict()})).eval()
    with pytest.raises(SemphaseError, match="take more from each other than the stream"):
        compared("mistral_large4", made)
