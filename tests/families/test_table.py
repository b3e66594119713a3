"""docs/families.md is of the locked transformers and has every family that it registers once."""

from __future__ import annotations

import re
from pathlib import Path

import transformers
from families.small import FAMILIES, SENSES
from families.sweep import Outcome
from families.table import COLUMNS, HEAD, PAGE, page, row

ROOT = Path(__file__).parents[2]


def test_the_page_is_of_the_locked_version():
    (locked,) = re.findall(r"^transformers==(.+)$", (ROOT / "requirements.lock").read_text(), re.MULTILINE)
    assert transformers.__version__ == locked
    assert PAGE.read_text(encoding="utf-8").startswith(HEAD.format(version=locked))


def test_every_family_has_its_row_in_order():
    causal, seeing = (
        re.findall(r"^\| `([^`]+)` \|", part, re.MULTILINE)
        for part in PAGE.read_text(encoding="utf-8").split("## ")[1:]
    )
    assert causal == sorted(FAMILIES)
    assert seeing == sorted(SENSES)


def test_rows_say_what_became_of_a_family():
    assert row(Outcome("llama", "equal", 4)) == "| `llama` | `LlamaForCausalLM` | equal | all |  |"
    assert "| equal | of 3 layers | it has none |" in row(
        Outcome("lfm2", "equal", 4, (0,), "it has none; choose another")
    )
    assert "| refused |  | a/b &lt;c> |" in row(Outcome("bert", "refused", reason="a|b <c>"))
    assert page([Outcome("llama", "equal", 4)], []).count(COLUMNS) == 2
