"""Every published value says what it was measured on, as far as its source does."""

from __future__ import annotations

from pathlib import Path

import pytest

from semphase import Claim, Published
from semphase.cli.declared import claims_in
from semphase.science.audit.published import load
from semphase.verdict.scope import models_of

DOCUMENTS = ("000", "001", "002", "003", "004")
SILENT = {("001", "exp2"), ("001", "exp8 C"), ("001", "exp9 A"), ("004", "§3")}
"""Parts that say nothing of what they measured on."""
PUBLISHED = [
    pytest.param(claim, model, own, id=f"{claim.id} {model}")
    for claim in claims_in(Path(__file__).parents[2] / "claims")
    for model, own in claim.published.items()
]


def test_the_silent_parts_are_those_without_models_and_counts():
    found = {
        (number, part)
        for number in DOCUMENTS
        for part, setting in load(number).settings.items()
        if set(setting) <= {"part", "section", "said"}
    }
    assert found == SILENT


@pytest.mark.parametrize(("claim", "model", "own"), PUBLISHED)
def test_a_published_value_has_a_setting_or_its_source_states_none(claim: Claim, model: str, own: Published):
    silent = any(number in claim.source and part.split()[0] in claim.source for number, part in SILENT)
    assert own.setting or silent
    if "model" in own.setting:
        assert models_of(str(own.setting["model"])) == models_of(model)


@pytest.mark.parametrize(
    ("name", "model", "setting"),
    [
        ("permeation.word-correlation", "gpt2", {"model": "gpt2", "words": 4}),
        ("permeation.cross-model", "gpt2+gpt2-medium", {"model": "gpt2+gpt2-medium", "words": 4}),
        ("order.fan-out", "gpt2-medium", {"words": 9}),
        ("writes.norm-grows", "gpt2", {"model": "gpt2", "tokens": 1000}),
        ("writes.shared-worse", "gpt2", {"model": "gpt2"}),
        ("cvfp.power-law", "gpt2", {"tokens": 587970, "documents": 500}),
        ("cvfp.doubling", "gpt2", {"tokens": 529173, "documents": 500}),
        ("cvfp.parallel-matches-sequential", "gpt2", {"tokens": 56602, "documents": 50}),
        ("landau.continuous", "gpt2", {}),
        ("pi.rotation", "gpt2", {}),
    ],
)
def test_settings_are_those_of_the_documents(name: str, model: str, setting: dict[str, str | int]):
    (own,) = (param.values[2] for param in PUBLISHED if (param.values[0].id, param.values[1]) == (name, model))
    assert own.setting == setting


def test_settings_agree_with_the_tables_beside_them():
    matrix, scaling = load("003").settings["matrix"], load("004").settings["§4"]
    assert matrix["tokens"] == max(load("003")["runs"].ints("text_tokens"))
    assert scaling["tokens"] == max(load("004")["sizes"].ints("text_tokens"))
    assert load("004").settings["§2"]["tokens"] == load("004")["parallel"].row("tokens").value
    assert load("001").settings["exp1"]["words"] == load("001")["order"].row("words").value
    assert load("000").settings["exp3"]["words"] == len(set(load("000")["words"].names("word")))
