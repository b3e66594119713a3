"""The CVFP claims on planted trainings: supported where they are true by construction, refuted where they are false."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pytest
from cvfp_worlds import AS_CLAIMED, OTHERWISE, World

from semphase.data.corpus import load as load_corpus
from semphase.data.lexicon import load as load_lexicon
from semphase.errors import SemphaseError
from semphase.models import fixture, load
from semphase.science.cvfp.facet import Cvfp
from semphase.science.cvfp.figures import cvfp_convergence, cvfp_maps, cvfp_scaling, cvfp_spectra
from semphase.science.cvfp.grids import Training
from semphase.science.cvfp.spending import SIZES, Sizes
from semphase.store import Store
from semphase.study import Study
from semphase.study.budget import Budget
from semphase.study.subject import Trained
from semphase.verdict import Verdict

BUDGET = Budget("planted trainings", draws=100, control_draws=20, simulations=50)
SPENT = Sizes(documents=(10, 20, 40, 80), validation_documents=20, seeds=2)
CLAIMS = [
    "power-law", "one-layer-steepest", "two-layer-flattest", "two-layer-smallest-a", "doubling", "two-token-best",
    "depth-unneeded", "three-token-plateau", "train-ppl-falls-with-tokens", "width-unneeded", "token-in-every-layer",
    "early-stopping", "no-fixed-point-1l1t", "tokens-speed-convergence", "rank-grows-with-tokens",
    "rank-weak-in-depth", "token-input-raises-rank", "rank-flat-in-tokens", "rank-is-not-the-cause",
]  # fmt: skip


def study_in(folder: Any) -> Study:
    """A study of the tiny model, on many short documents."""
    lexicon = load_lexicon(fixture("lexicon/grammar.toml"))
    return Study(Trained(load("tiny", device="cpu")), lexicon, load_corpus("grammar"), BUDGET, 0, Store(folder))


def planted(world: World) -> Callable[[Cvfp, Training], Any]:
    """Trainings of a world, which are not kept in a store."""

    def trained(cvfp: Cvfp, stack: Sequence[Training]) -> dict[Training, Any]:
        return {
            own: world.train(own.configuration, own.recipe, cvfp.vocabulary, *cvfp.split(own), seed=own.seed)
            for own in stack
        }

    return trained


@pytest.fixture(scope="module", autouse=True)
def _spending() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(SIZES, BUDGET.name, SPENT)
        yield


@pytest.fixture(scope="module")
def worlds(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Study]:
    """Studies in both worlds; every grid is there before the tests run."""
    made = {}
    for name, world in (("as claimed", AS_CLAIMED), ("otherwise", OTHERWISE)):
        study = study_in(tmp_path_factory.mktemp("store"))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Cvfp, "trained", planted(world))
            cvfp = study.facet(Cvfp)
            _ = cvfp.matrix, cvfp.reservoir, cvfp.bigram, cvfp.shuffled, cvfp.shuffled_matrix, cvfp.first_only
            _ = cvfp.first_only_reservoir, cvfp.patient, cvfp.wide, cvfp.wide_reservoir
        made[name] = study
    return made


@pytest.mark.parametrize("claim", CLAIMS)
def test_what_is_true_by_construction_is_supported(
    claim: str, worlds: dict[str, Study], verdict_on: Callable[[str, Any], Verdict]
) -> None:
    verdict = verdict_on(f"cvfp.{claim}", worlds["as claimed"])
    assert verdict.verdict == "supported", verdict.detail["parts"]
    assert verdict.point


@pytest.mark.parametrize("claim", CLAIMS)
def test_what_is_false_by_construction_is_refuted(
    claim: str, worlds: dict[str, Study], verdict_on: Callable[[str, Any], Verdict]
) -> None:
    verdict = verdict_on(f"cvfp.{claim}", worlds["otherwise"])
    assert verdict.verdict == "refuted", verdict.detail["parts"]
    assert not verdict.point


def test_planted_exponents_come_out(worlds: dict[str, Study]) -> None:
    matrix = worlds["as claimed"].facet(Cvfp).matrix
    # Offsets of documents have mean 0 and serve all sizes, those of seeds too.
    np.testing.assert_allclose(matrix.laws.alpha[1], -0.42, atol=1e-9)
    np.testing.assert_allclose(matrix.laws.r2, 1, atol=1e-9)
    assert matrix.law("alpha").at((0, 0)).estimate().value == pytest.approx(-0.51, abs=1e-9)


def test_figures_show_every_configuration(worlds: dict[str, Study], verdict_on: Callable[[str, Any], Verdict]) -> None:
    power_law, convergence, rank = (
        verdict_on(f"cvfp.{claim}", worlds["as claimed"]).detail
        for claim in ("power-law", "no-fixed-point-1l1t", "token-input-raises-rank")
    )
    left, right = cvfp_scaling(power_law).axes
    assert [len(axis.get_legend().get_texts()) for axis in (left, right)] == [9, 8]
    assert left.get_legend().get_texts()[0].get_text() == "1L 1tok: α = −0.510"
    alpha = cvfp_maps(power_law).axes[0]
    assert [text.get_text().split("\n")[0] for text in alpha.texts[:4]] == ["−0.510", "−0.460", "−0.460", "−0.420"]
    # The dashed level, and three numbers of tokens with two seeds each.
    assert [len(axis.lines) for axis in cvfp_convergence(convergence).axes] == [7, 7, 7]
    spectra = cvfp_spectra(rank).axes
    assert (len(spectra[0].lines), len(spectra[1].texts)) == (10, 9)


def test_a_training_that_fails_is_an_error_and_no_verdict(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch, verdict_on: Callable[[str, Any], Verdict]
) -> None:
    def diverge(*_: Any, **__: Any) -> Any:
        raise SemphaseError("phase 1 of 1L-64d-1tok diverged in iteration 3")

    monkeypatch.setattr("semphase.science.cvfp.facet.train", diverge)
    with pytest.raises(SemphaseError, match="iteration 3"):
        verdict_on("cvfp.two-token-best", study_in(tmp_path))
