"""Which claims cannot be judged on the models at hand, and why.

Before a claim is measured, the plugin asks `missing` and `lacks`. Here they are asked about models of which only the shape
is known, so nothing is loaded. What no declaration can tell stands in MEASURED, with the run that told it. A new claim that
needs more than a row of models offers is one line under that row.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from semphase import Claim
from semphase.cli.declared import claims_in
from semphase.data.lexicon import load as load_lexicon
from semphase.models import fixture
from semphase.plugin.collect import studies_of
from semphase.plugin.needs import lacks
from semphase.plugin.roles import missing

ROOT = Path(__file__).parents[2]
CLAIMS = {claim.id: claim for claim in claims_in(ROOT / "claims")}
SAMPLE = ROOT / "reports" / "sample" / "verdicts.json"
Reasons = dict[str, str]
"""By a claim's id."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What `lacks` asks of a model."""

    sha256: str
    layers: int
    heads: int
    language: str = "english"
    name: str = "one"


@dataclass(frozen=True, slots=True)
class Words:
    """What `lacks` asks of a lexicon."""

    words: tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Offer:
    """What `lacks` asks of a study."""

    models: tuple[Shape, ...]
    lexicon: Words
    twins: None = None
    """All hold other weights."""


SHAPES = {
    "tiny-short": Shape("a", 6, 4, "grammar"),
    "tiny": Shape("b", 12, 4, "grammar"),
    "tiny-deep": Shape("c", 24, 4, "grammar"),
    "smollm2-135m": Shape("d", 30, 9),
    "gemma3-270m": Shape("e", 18, 4),
}

# Needs: models, layers, heads, words; roles.

ONE_MODEL: Reasons = {
    "permeation.cross-model": "needs 2 models, the study has 1",
    "permeation.cross-model-per-word": "needs 2 models, the study has 1",
    "permeation.diffusion-constant": "needs 2 models, the study has 1",
    "pi.cos-bic-all-models": "needs 2 models, the study has 1",
    "pi.rotation-scaling": "needs 3 models, the study has 1",
    "pi.sigma-converges": "needs 3 models, the study has 1",
    "recovery.equal-flops": "needs 2 models, the study has 1",
}
TWO_MODELS: Reasons = {
    "pi.rotation-scaling": "needs 3 models, the study has 2",
    "pi.sigma-converges": "needs 3 models, the study has 2",
}
DECLARED: dict[tuple[str, ...], Reasons] = {
    ("tiny",): ONE_MODEL,
    ("tiny-short", "tiny", "tiny-deep"): {},
    ("smollm2-135m",): ONE_MODEL,
    ("smollm2-135m", "gemma3-270m"): TWO_MODELS,
}

# What was measured: by model, from `pytest claims --model=MODEL` at the standard budget. On gemma3-270m f falls in 13 of 26
# words, so the claim is judged there; claims about several of these models are all judged where enough are given.

DROP = "permeation.drop-is-nonlinearity"
MEASURED: dict[str, Reasons] = {
    "tiny-short": {DROP: "f falls after its peak in 0 words, and 6 are needed"},
    "tiny": {DROP: "f falls after its peak in 0 words, and 6 are needed"},
    "tiny-deep": {DROP: "f falls after its peak in 4 words, and 6 are needed"},
    "smollm2-135m": {DROP: "f falls after its peak in 0 words, and 6 are needed"},
}

AT_QUICK: dict[str, Reasons] = {"tiny": {"cvfp.early-stopping": "no dip to explain"}}
"""Besides, at the quick budget, whose trainings are smaller."""

RECORDS = sorted(
    path for path in (ROOT / "fixtures" / "expected").glob("*.toml") if set(path.stem.split("+")) <= SHAPES.keys()
)


def offered(names: tuple[str, ...], given: tuple[str, ...]) -> Offer:
    """The study of some models of a run; the run has one lexicon, the generated one where all its models speak it."""
    grammar = all(SHAPES[name].language == "grammar" for name in names)
    return Offer(tuple(SHAPES[name] for name in given), words_of("grammar" if grammar else "english"))


@cache
def words_of(language: str) -> Words:
    return Words(tuple(load_lexicon(fixture(f"lexicon/{language}.toml")).words))


def refusals(claim: Claim, names: tuple[str, ...]) -> Iterator[str]:
    """Why the plugin would not judge a claim on a run's models, once for each study that it would open."""
    for given in studies_of(claim, names):
        reason = missing(given, claim.models) or lacks(claim, offered(names, given))
        if reason:
            yield reason


@pytest.mark.parametrize("names", DECLARED, ids="+".join)
def test_what_models_lack_is_known_before_anything_is_measured(names: tuple[str, ...]) -> None:
    found = {claim.id: "; ".join(refusals(claim, names)) for claim in CLAIMS.values()}
    assert {name: reason for name, reason in found.items() if reason} == DECLARED[names]


@pytest.mark.parametrize("name", [name for name, shape in SHAPES.items() if shape.language == "grammar"])
def test_the_packaged_models_have_these_shapes(name: str) -> None:
    configuration = json.loads((fixture(name) / "config.json").read_text(encoding="utf-8"))
    assert (configuration["n_layer"], configuration["n_head"]) == (SHAPES[name].layers, SHAPES[name].heads)


def test_what_was_measured_is_in_the_sample_report() -> None:
    report = json.loads(SAMPLE.read_text(encoding="utf-8"))
    (model,) = report["run"]["models"]
    shape = SHAPES[model["name"]]
    assert (model["layers"], model["heads"]) == (shape.layers, shape.heads)
    found = {entry["id"]: entry["reason"] for entry in report["claims"] if entry["verdict"] == "not-applicable"}
    judged = {entry["id"] for entry in report["claims"]}
    expected = DECLARED[(model["name"],)] | MEASURED[model["name"]]
    assert found == {name: reason for name, reason in expected.items() if name in judged}


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.stem)
def test_the_records_hold_no_other_claims_that_are_not_applicable(path: Path) -> None:
    names = tuple(path.stem.split("+"))
    measured = MEASURED.get(path.stem, {}).keys()
    for run in tomllib.loads(path.read_text(encoding="utf-8"))["run"]:
        judged = [CLAIMS[name] for name in run["verdicts"]]
        own = measured | (AT_QUICK.get(path.stem, {}).keys() if run["budget"] == "quick" else set())
        known = {claim.id for claim in judged if claim.id in own or any(refusals(claim, names))}
        assert {name for name, verdict in run["verdicts"].items() if verdict == "not-applicable"} == known


def test_what_is_measured_needs_no_more_than_these_models_have() -> None:
    """Nothing stands in MEASURED that a declaration refuses already."""
    for name, reasons in MEASURED.items():
        assert not [reason for own in reasons for reason in refusals(CLAIMS[own], (name,))]
