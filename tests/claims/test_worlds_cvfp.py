"""The CVFP claims on planted trainings: supported where they are true by construction, refuted where they are false."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pytest
import xarray as xr
from cvfp_worlds import AS_CLAIMED, OTHERWISE, World, agreement, cache_times

from semphase.data.corpus import load as load_corpus
from semphase.data.lexicon import load as load_lexicon
from semphase.errors import NotApplicable, SemphaseError
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
from semphase.verdict.universe import Universe

BUDGET = Budget("planted trainings", simulations=50)
SPENT = Sizes(documents=(10, 20, 40, 80), validation_documents=40)
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


def planted(world: World, control: World) -> Callable[[Cvfp, Sequence[Training]], Any]:
    """Trainings of a world, those of the controls of another; they are not kept in a store."""

    def trained(cvfp: Cvfp, stack: Sequence[Training]) -> dict[Training, Any]:
        first = stack[0]
        own = control if first.kind == "reservoir" or first.text == "shuffled" else world
        return {
            each: own.train(each.configuration, each.recipe, cvfp.vocabulary, *cvfp.split(each), seed=each.seed)
            for each in stack
        }

    return trained


@pytest.fixture(scope="module", autouse=True)
def _spending() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(SIZES, BUDGET.name, SPENT)
        yield


@pytest.fixture(scope="module")
def worlds(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Study]:
    """Studies in both worlds, their controls in the other one; every grid is there before the tests run."""
    made = {}
    for name, world, control in (("supported", AS_CLAIMED, OTHERWISE), ("refuted", OTHERWISE, AS_CLAIMED)):
        study = study_in(tmp_path_factory.mktemp("store"))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Cvfp, "trained", planted(world, control))
            cvfp = study.facet(Cvfp)
            _ = cvfp.matrix, cvfp.reservoir, cvfp.bigram, cvfp.shuffled, cvfp.first_only, cvfp.first_only_reservoir
            _ = cvfp.patient, cvfp.wide, cvfp.wide_reservoir, cvfp.convergence(), cvfp.convergence("shuffled")
        made[name] = study
    return made


OUTCOMES = {"supported": "model only", "refuted": "control only"}


@pytest.mark.parametrize(
    ("claim", "outcome"),
    [(f"cvfp.{claim}", outcome) for claim in CLAIMS for outcome in OUTCOMES],
    ids=lambda own: own,
)
def test_trainings(
    claim: str, outcome: str, worlds: dict[str, Study], verdict_on: Callable[[str, Any], Verdict]
) -> None:
    verdict = verdict_on(claim, worlds[outcome])
    assert verdict.verdict == outcome, verdict.detail["parts"]
    assert verdict.point == (outcome == "supported")
    if not verdict.claim.control.startswith("none:"):
        assert verdict.control is not None, verdict.reason
        assert verdict.control.relation == OUTCOMES[outcome], verdict.detail["control_parts"]


BY_HALF = {("rank-flat-in-tokens", "without the smallest size"): "0.05 ln 4 of 0.5 is less than 15 %, 0.05 ln 8 more"}
"""What a universe changes in the world where the claim is refuted."""


@pytest.mark.parametrize("outcome", OUTCOMES)
@pytest.mark.parametrize("claim", CLAIMS)
def test_what_is_planted_in_every_training_is_found_in_every_universe(
    claim: str,
    outcome: str,
    worlds: dict[str, Study],
    verdict_in: Callable[..., Verdict],
    universes_of: Callable[[str], tuple[Universe, ...]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Trainings of a universe are those of the world, and it trains nothing but them: controls would be of another."""
    world, trained = {"supported": AS_CLAIMED, "refuted": OTHERWISE}[outcome], []

    def recording(cvfp: Cvfp, stack: Sequence[Training]) -> dict[Training, Any]:
        trained.extend(stack)
        return planted(world, world)(cvfp, stack)

    monkeypatch.setattr(Cvfp, "trained", recording)
    universes = universes_of(f"cvfp.{claim}")
    assert len(universes) >= 3
    for own in universes:
        before = len(trained)
        found = verdict_in(f"cvfp.{claim}", worlds[outcome], own)
        assert (found.point == (outcome == "supported")) != (outcome == "refuted" and (claim, own.name) in BY_HALF), (
            own.name
        )
        assert found.control is None
        assert own.passes or len(trained) == before, own.name
    assert {each.kind for each in trained} <= {"fixed-point", "contexts", "settled"}
    assert {each.text for each in trained} <= {"as it stands"}


FORMS = {
    "cvfp.parallel-matches-sequential": ((0.997, 0.0), (0.9, 0.0)),
    "cvfp.parallel-position-free": ((0.99, 0.0), (0.9, 0.1)),
}
"""Mean cosine and its change along the text, where the claim is true and where it is false."""


@pytest.mark.parametrize(
    ("claim", "outcome"), [(claim, outcome) for claim in FORMS for outcome in OUTCOMES], ids=lambda own: own
)
def test_forms(
    claim: str,
    outcome: str,
    tmp_path: Any,
    monkeypatch: pytest.MonkeyPatch,
    verdict_on: Callable[[str, Any], Verdict],
) -> None:
    own, other = FORMS[claim] if outcome == "supported" else FORMS[claim][::-1]

    def found(cvfp: Cvfp, seed: int) -> xr.Dataset:
        shape = seed, cvfp.sizes[0], cvfp.documents.length
        arrays = {"cosine": agreement(*own, *shape), "cosine_elsewhere": agreement(*other, *shape)}
        errors = dict.fromkeys(("squared_error", "relative_error"), arrays["cosine"])
        return xr.Dataset(arrays | errors, attrs={"iterations": 9})

    monkeypatch.setattr(Cvfp, "agreement", found)
    verdict = verdict_on(claim, study_in(tmp_path))
    assert verdict.verdict == outcome, verdict.detail["parts"]
    assert verdict.control is not None
    assert verdict.control.relation == OUTCOMES[outcome]


FAST, SLOW, OTHER = (10.0, 1e-7), (1.0, 0.0), (10.0, 1e-3)
"""Speed over the sequential form, and difference from its outputs."""


@pytest.mark.parametrize(
    ("outcome", "parallel", "again"),
    [
        pytest.param("supported", FAST, SLOW, id="cvfp.parallel-cache-supported"),
        pytest.param("refuted", SLOW, FAST, id="cvfp.parallel-cache-refuted"),
        pytest.param("refuted", OTHER, FAST, id="cvfp.parallel-cache-refuted-by-other-outputs"),
    ],
)
def test_cache(
    outcome: str,
    parallel: tuple[float, float],
    again: tuple[float, float],
    tmp_path: Any,
    monkeypatch: pytest.MonkeyPatch,
    verdict_on: Callable[[str, Any], Verdict],
) -> None:
    monkeypatch.setattr(Cvfp, "cache_times", cache_times(parallel, again, 10))
    verdict = verdict_on("cvfp.parallel-cache", study_in(tmp_path))
    assert verdict.verdict == outcome, verdict.detail["parts"]
    assert verdict.control is not None
    assert verdict.control.relation == OUTCOMES[outcome]


def test_where_nothing_dips_early_stopping_has_nothing_to_explain(
    worlds: dict[str, Study], verdict_on: Callable[[str, Any], Verdict], monkeypatch: pytest.MonkeyPatch
) -> None:
    cvfp = worlds["supported"].facet(Cvfp)
    monkeypatch.setattr(Cvfp, "first_only", cvfp.patient)
    with pytest.raises(NotApplicable, match="no dip"):
        verdict_on("cvfp.early-stopping", worlds["supported"])


def test_planted_exponents_come_out(worlds: dict[str, Study]) -> None:
    matrix = worlds["supported"].facet(Cvfp).matrix
    np.testing.assert_allclose(matrix.laws.alpha[1], -0.42, atol=0.005)
    np.testing.assert_allclose(matrix.laws.r2, 1, atol=1e-3)
    found = matrix.law("alpha").at((0, 0)).smooth("α")
    assert found.low <= -0.51 <= found.high
    assert found.units == (40, 4)


def test_figures_show_every_configuration(worlds: dict[str, Study], verdict_on: Callable[[str, Any], Verdict]) -> None:
    power_law, convergence, rank = (
        verdict_on(f"cvfp.{claim}", worlds["supported"]).detail
        for claim in ("power-law", "no-fixed-point-1l1t", "token-input-raises-rank")
    )
    left, right = cvfp_scaling(power_law).axes
    assert [len(axis.get_legend().get_texts()) for axis in (left, right)] == [9, 10]
    assert left.get_legend().get_texts()[0].get_text().startswith("1L 1tok: α = −0.5")
    alpha = cvfp_maps(power_law).axes[0]
    assert all(text.get_text().startswith("−0.") for text in alpha.texts)
    # The dashed level, and three numbers of tokens with four seeds each.
    assert [len(axis.lines) for axis in cvfp_convergence(convergence).axes] == [13, 13, 13]
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
