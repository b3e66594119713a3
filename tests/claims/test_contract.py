"""What holds for every claim of this repository: later groups are tested by being there."""

from __future__ import annotations

import importlib.util
import math
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import semphase.measure.text as chunking
from semphase import Claim, NotApplicable
from semphase.data.corpus import Corpus
from semphase.data.corpus import load as load_corpus
from semphase.data.lexicon import Lexicon
from semphase.data.lexicon import load as load_lexicon
from semphase.measure.decoding_speed import decoding_rates
from semphase.models import fixture, load
from semphase.plugin.needs import lacks
from semphase.report.drawing import draw
from semphase.science.cvfp.spending import SIZES, Sizes
from semphase.science.heads.facet import SHARE
from semphase.science.recovery import speed
from semphase.science.recovery.spending import TRIALS, Trial
from semphase.store import Store
from semphase.study import JointStudy, Study
from semphase.study.budget import Budget
from semphase.study.subject import Trained
from semphase.verdict.criterion import Criterion
from semphase.verdict.judge import Judge

CLAIMS = Path(__file__).parents[2] / "claims"
WORDS = 6
"""The fewest words that every claim accepts; six of the tiny model's twelve keep the test short."""
BUDGET = Budget("contract", simulations=50, tokens=256)
CHUNK = 128
SPENT = Sizes(documents=(4, 6, 8), validation_documents=4, document_tokens=20)
TRIAL = Trial(calibrate=8, judge=8, tasks=1)
NOT_APPLICABLE = {
    "cvfp.early-stopping": "no dip to explain",
    "permeation.drop-is-nonlinearity": "f falls after its peak in",
    "recovery.equal-flops": "no task has",
}
"""Claims that six words of the tiny model may leave without a verdict, and how the reason begins."""


def declared() -> list[tuple[Claim, Callable[..., Any]]]:
    tests = []
    for path in sorted(CLAIMS.glob("test_*.py")):
        spec = importlib.util.spec_from_file_location(f"contract_{path.stem}", path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        for value in vars(module).values():
            marks = [mark for mark in getattr(value, "pytestmark", ()) if mark.name == "claim"]
            tests += [(mark.args[0], value) for mark in marks]
    return tests


DECLARED = declared()
every_claim = pytest.mark.parametrize(("claim", "test"), DECLARED, ids=[claim.id for claim, _ in DECLARED])
LONG = ("critical", "cvfp", "heads", "linear", "recovery")
"""Groups whose sweeps, copies and trainings take their time."""


@cache
def small_study(model: str, folder: Path) -> Study:
    lexicon = load_lexicon(fixture("lexicon/grammar.toml"))
    return Study(
        Trained(load(model, device="cpu")),
        Lexicon(lexicon.words[:WORDS]),
        small_corpus(),
        BUDGET,
        seed=0,
        store=Store(folder),
    )


@cache
def small_corpus() -> Corpus:
    return load_corpus("grammar")


def rates_of_short_texts(model: Any, edits: Any, batch: int, context: int, *rest: Any) -> Any:
    return decoding_rates(model, edits, min(batch, 2), min(context, 32), *rest)


@pytest.fixture(scope="module", autouse=True)
def _spending() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(SIZES, BUDGET.name, SPENT)
        patch.setattr(chunking, "CHUNK", CHUNK)
        patch.setitem(TRIALS, BUDGET.name, TRIAL)
        patch.setattr(speed, "decoding_rates", rates_of_short_texts)
        yield


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("store")


def study_for(claim: Claim, store: Path) -> Study | JointStudy:
    if not claim.needs.model:
        return JointStudy(())
    if claim.needs.models == 1:
        return small_study("tiny", store)
    names = ("tiny", "tiny-deep", "tiny-short")[: claim.needs.models]
    return JointStudy(tuple(small_study(name, store) for name in names))


@pytest.mark.parametrize("folder", ["claims", "examples"])
def test_every_claim_is_registered_as_it_stands(folder: str) -> None:
    """Asked in a process of its own, for the checker of shapes wraps the functions that are hashed."""
    command = [sys.executable, "-m", "semphase", "list", folder]
    done = subprocess.run(command, cwd=CLAIMS.parent, capture_output=True, text=True, check=True)
    assert re.search(r"\b0 changed since, 0 unregistered", " ".join(done.stdout.split()))


@every_claim
def test_says_all_that_a_referee_asks(claim: Claim, test: Callable[..., Any]) -> None:
    group, _, name = claim.id.partition(".")
    assert group.isidentifier()
    assert name
    for text in (claim.statement, claim.criterion, claim.estimator, claim.source, claim.control):
        assert text.strip()
    assert claim.parts
    assert len({part.part for part in claim.parts}) == len(claim.parts)
    assert claim.cost in ("seconds", "minutes", "hours")
    assert claim.source == "ours" or claim.source[:3].isdecimal()
    assert not claim.control.startswith("none") or len(claim.control) > len("none: ")
    assert 3 <= len(claim.universes) <= 8 or (claim.alone and not claim.universes)


@every_claim
def test_an_edited_threshold_shows(claim: Claim, test: Callable[..., Any]) -> None:
    """Every number in a criterion is part of the fingerprint."""
    for i, part in enumerate(claim.parts):
        threshold = part.threshold
        moved = (threshold[0], threshold[1] + 0.001) if isinstance(threshold, tuple) else threshold + 0.001
        parts = (*claim.parts[:i], replace(part, threshold=moved), *claim.parts[i + 1 :])
        edited = replace(claim, parts=parts)
        if part.comparison == "p<":
            edited = replace(claim, parts=(*claim.parts[:i], replace(part, alpha=0.04), *claim.parts[i + 1 :]))
        assert edited.fingerprint() != claim.fingerprint()


def every_claim_long_ones_marked() -> list[Any]:
    long = [claim.needs.models > 1 or claim.id.partition(".")[0] in LONG for claim, _ in DECLARED]
    marks = [[pytest.mark.slow] if own else [] for own in long]
    return [pytest.param(*own, id=own[0].id, marks=more) for own, more in zip(DECLARED, marks, strict=True)]


@pytest.mark.parametrize(("claim", "test"), every_claim_long_ones_marked())
def test_judges_the_tiny_model(claim: Claim, test: Callable[..., Any], store: Path, tmp_path: Path) -> None:
    judge = Judge(claim)
    reason = not_applicable(test, study_for(claim, store), judge)
    if reason:  # which is an answer too, where it is expected
        assert claim.id in NOT_APPLICABLE, reason
        assert reason.startswith(NOT_APPLICABLE[claim.id])
        return
    verdict = judge.verdict
    assert verdict is not None
    assert verdict.verdict in ("supported", "refuted", "inconclusive")
    assert verdict.estimate is not None
    assert verdict.estimate.method
    assert verdict.estimate.n > 0
    assert (verdict.control is None) == bool(verdict.reason) or verdict.control is not None
    made = draw(judge.figures, verdict.detail, claim.id, "tiny", tmp_path, tmp_path / "kept")
    drawn, notices = list(made.images), made.notices
    assert len(drawn) == len(judge.figures)
    assert not notices
    if claim.needs.model:
        for told in verdict.detail["parts"]:
            require_honest(told["estimate"], told["part"], claim.parts)
        assert verdict.p_decision is None or 0 < verdict.p_decision <= 1
        sampled = verdict.estimate.population not in (("census",), ("rounding",))
        assert verdict.verdict == "inconclusive" or not sampled or verdict.p_decision is not None


def not_applicable(test: Callable[..., Any], study: Study | JointStudy, judge: Judge) -> str:
    """Why the claim is not judged; empty where it is."""
    try:
        test(study, judge)
    except NotApplicable as reason:
        return str(reason)
    return ""


def require_honest(estimate: Mapping[str, Any], part: str, parts: Sequence[Criterion]) -> None:
    """Outside a census an estimate says what it speaks of, has a width, and lies inside its interval.

    At an end of it only where the end is that of its range: none or all of a share, a correlation of 1.
    """
    # An end that is not bounded is told as None.
    low, high = (-math.inf if estimate["low"] is None else estimate["low"], estimate["high"])
    value, high = estimate["value"], math.inf if high is None else high
    assert estimate["population"], part
    assert len(estimate["units"]) == len(estimate["population"]), part
    assert "extended to the value" not in estimate["method"], part
    if tuple(estimate["population"]) in (("census",), ("rounding",)):
        return
    assert low < high, part
    assert low <= value <= high, part
    (ends,) = (own.within for own in parts if own.part == part)
    assert value not in (low, high) or value in ends, (part, low, value, high)


@every_claim
def test_refuses_a_study_that_lacks_what_it_needs(claim: Claim, test: Callable[..., Any], store: Path) -> None:
    if not claim.needs.model:
        pytest.skip("an audit claim needs no model, so no study lacks anything")
    own = small_study("tiny", store)
    poor: Study | JointStudy = own
    if claim.needs.models > 1:
        poor = JointStudy((own,) * (claim.needs.models - 1))
    else:
        poor = replace(own, lexicon=Lexicon(own.lexicon.words[: claim.needs.words - 1]))
    assert lacks(claim, poor)


def test_the_same_weights_twice_are_one_model_and_named() -> None:
    claim = next(own for own, _ in DECLARED if own.id == "recovery.equal-flops")
    models = [SimpleNamespace(sha256="0", name=name, layers=6, heads=4) for name in ("one", "copy")]
    twins = ("one", "copy")
    study = SimpleNamespace(models=tuple(models), twins=twins, lexicon=SimpleNamespace(words=range(WORDS)))
    assert lacks(claim, study) == "compares models, and one and copy hold the same weights"
    study.twins = None
    assert lacks(claim, study) == ""


@pytest.mark.parametrize(
    "claim", [own for own, _ in DECLARED if "0.30·heads" in own.criterion + own.estimator], ids=lambda claim: claim.id
)
def test_a_share_of_the_heads_is_at_least_one_head(claim: Claim) -> None:
    """Otherwise a change of no head would be judged."""
    assert math.floor(SHARE * claim.needs.heads) >= 1
    model = SimpleNamespace(sha256="0", layers=claim.needs.heads - 1, heads=1)
    study = SimpleNamespace(models=(model,), lexicon=SimpleNamespace(words=range(WORDS)))
    assert "attention heads, the study has" in lacks(claim, study)
    study.models = (SimpleNamespace(sha256="0", layers=claim.needs.heads, heads=1),)
    assert not lacks(claim, study)
