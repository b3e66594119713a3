"""Universes of the CVFP model: other readings of the same trainings, and other trainings, shared by all who ask."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from cvfp_worlds import AS_CLAIMED

from semphase.errors import NotApplicable
from semphase.science.cvfp.facet import Cvfp
from semphase.science.cvfp.grids import Grid, Measured
from semphase.science.cvfp.model import Recipe, effective_rank, parallel_contexts, stream_of, train_contexts
from semphase.science.cvfp.spending import SIZES, Sizes
from semphase.study.budget import Budget
from semphase.verdict.universes import universe

BUDGET = Budget("planted universes", simulations=20)
FEW = Sizes(documents=(4, 6, 8), validation_documents=4, document_tokens=20, seeds=2, convergence_seeds=3)


@pytest.fixture
def study(study_of, tiny, monkeypatch):
    monkeypatch.setitem(SIZES, BUDGET.name, FEW)
    return study_of(tiny, budget=BUDGET)


def trained_in(study: Any, name: str) -> Cvfp:
    return study.in_universe(universe(name)).facet(Cvfp)


@pytest.fixture
def planted(study, monkeypatch) -> Cvfp:
    """The registered matrix, of a world; nothing else can be trained."""

    def trained(own, stack):
        return {
            each: AS_CLAIMED.train(each.configuration, each.recipe, None, *own.split(each), seed=each.seed)
            for each in stack
        }

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Cvfp, "trained", trained)
        _ = study.facet(Cvfp).matrix
    monkeypatch.setattr(Cvfp, "trained", lambda *_: pytest.fail("trained"))
    return study.facet(Cvfp)


def by_hand(matrix: Measured) -> np.ndarray:
    """Log validation perplexity [training], over all documents."""
    return np.array([float(own["validation_nats"].sum() / own["validation_predicted"].sum()) for own in matrix.found])


def test_seeds_have_the_mean_of_their_perplexities(study, planted):
    logs = by_hand(planted.matrix).reshape(3, 3, 3, 2)
    np.testing.assert_allclose(planted.matrix.log_ppl.point, logs.mean(axis=-1))
    own = trained_in(study, "arithmetic mean over seeds").matrix
    np.testing.assert_allclose(own.log_ppl.point, np.log(np.exp(logs).mean(axis=-1)))
    # Without a seed the other one is left.
    (seeds,) = (each for each in own.log_ppl.without if each.kind == "seeds")
    np.testing.assert_allclose(seeds.numbers[0], logs[..., 1])
    assert own.accuracy().point == pytest.approx(planted.matrix.accuracy().point)


def test_the_last_epoch_and_the_perplexity_while_training(study, planted):
    every = [own["epoch_perplexity"].values for own in planted.matrix.found]
    last = np.log([own[-1, 1] for own in every]).reshape(3, 3, 3, 2).mean(axis=-1)
    found = trained_in(study, "last epoch").matrix.log_ppl
    np.testing.assert_allclose(found.point, last)
    assert [own.kind for own in found.without] == ["seeds"]
    along = np.log([own[1, 0] for own in every]).reshape(3, 3, 3, 2)[:, :, -1].mean(axis=-1)
    np.testing.assert_allclose(trained_in(study, "while training").matrix.training_log_ppl.point, along)


@pytest.mark.parametrize(
    ("name", "kept"), [("without the smallest size", [1, 2]), ("without the largest size", [0, 1])]
)
def test_a_size_is_left_out_of_every_number(study, planted, name, kept):
    own, whole = trained_in(study, name).matrix, planted.matrix
    assert own.tokens.tolist() == whole.tokens[kept].tolist()
    np.testing.assert_array_equal(own.log_ppl.point, whole.log_ppl.point[:, :, kept])
    np.testing.assert_array_equal(own.iterations, whole.iterations[:, :, kept])
    np.testing.assert_array_equal(own.rank("training").point, whole.rank("training").point[:, :, kept])
    with pytest.raises(NotApplicable, match="through any 2 sizes"):
        own.law("alpha")
    with pytest.raises(NotApplicable, match="a single size"):
        own.at_sizes(slice(0, 0))


def test_other_documents_choose_and_judge(study, planted):
    first, second = planted.matrix.halves
    assert trained_in(study, "documents exchanged").matrix.halves == (second, first)
    chosen, judged = trained_in(study, "all documents").matrix.best
    np.testing.assert_array_equal(chosen.point, judged.point)
    np.testing.assert_allclose(judged.point, planted.matrix.log_ppl.point.min(axis=-1))


def test_contexts_of_the_other_split_and_whole_iterations(study, planted):
    own = trained_in(study, "contexts of the other split").matrix
    np.testing.assert_array_equal(own.rank("training").point, planted.matrix.rank("validation").point)
    found = trained_in(study, "whole iterations").matrix.iterations
    np.testing.assert_array_equal(found, np.ceil(planted.matrix.iterations))


def test_a_fit_of_perplexities_themselves(study, planted):
    own, whole = trained_in(study, "nonlinear fit").matrix, planted.matrix
    # The planted powers have no bend: both fits find them, but for documents' noise that all sizes of a cell share.
    np.testing.assert_allclose(own.law("alpha").point, whole.law("alpha").point, atol=1e-2)
    assert not np.array_equal(own.law("alpha").point, whole.law("alpha").point)


# Other trainings

SHAPE = {"layers": (1,), "tokens": (2,)}


def test_what_a_universe_trains_serves_every_other_reading_of_it(study, monkeypatch):
    cvfp = trained_in(study, "start of SD 1")
    first = cvfp.measured("some", cvfp.sizes, cvfp.seeds, kind="contexts", recipe=cvfp.recipe, **SHAPE)
    assert first.grid.recipe == Recipe(start=1.0)
    monkeypatch.setattr("semphase.science.cvfp.facet.train", lambda *_, **__: pytest.fail("trained again"))
    again = replace(study)  # the same store, nothing in memory
    cvfp = trained_in(again, "start of SD 1")
    second = cvfp.measured("some", cvfp.sizes, cvfp.seeds, kind="contexts", recipe=cvfp.recipe, **SHAPE)
    np.testing.assert_array_equal(first.iterations, second.iterations)


def test_inputs_and_head_are_what_the_universe_says(study):
    registered = study.facet(Cvfp).vocabulary
    unit, head = (trained_in(study, name).vocabulary for name in ("inputs of unit length", "normalised head"))
    lengths = unit.rows.double().norm(dim=1)
    torch.testing.assert_close(lengths, torch.ones_like(lengths), atol=1e-6, rtol=0)
    torch.testing.assert_close(unit.rows * registered.head.norm(dim=1, keepdim=True), registered.head)
    torch.testing.assert_close(unit.head, registered.head)
    torch.testing.assert_close(head.rows, registered.rows)
    torch.testing.assert_close(head.head, registered.rows)


def test_trainings_of_universes_have_keys_of_their_own(study):
    names = ("inputs of unit length", "normalised head")
    facets = [study.facet(Cvfp), *(trained_in(study, name) for name in names)]
    own = Grid("one", (4,), (0,), layers=(1,), tokens=(1,)).trainings(64)[0]
    keys = [facet._key(own) for facet in facets]
    keys += [
        facets[0]._key(replace(own, recipe=recipe)) for recipe in (Recipe(start=1.0), Recipe(carried="without noise"))
    ]
    keys += [facets[0]._key(replace(own, kind="settled"))]
    assert len({study.store.path(key) for key in keys}) == len(keys)
    # What was trained before there was a choice keeps its place.
    assert "carried" not in keys[0]["recipe"]
    assert not {"inputs", "head"} & keys[0].keys()


def test_settled_contexts_are_a_parallel_iterations(study):
    cvfp = study.facet(Cvfp)

    carried = cvfp.measured("carried", cvfp.sizes[-1:], cvfp.seeds, kind="contexts", **SHAPE)
    settled = cvfp.measured("settled", cvfp.sizes[-1:], cvfp.seeds, kind="settled", **SHAPE)
    np.testing.assert_array_equal(settled.iterations, carried.iterations)
    np.testing.assert_array_equal(settled.rank("validation").point, carried.rank("validation").point)
    training, _ = cvfp.split(settled.grid.trainings(cvfp.vocabulary.width)[0])
    stream = stream_of(cvfp.vocabulary, training, 2)
    configuration = settled.grid.trainings(cvfp.vocabulary.width)[0].configuration
    ranks = []
    for seed in cvfp.seeds:
        (found,) = train_contexts(configuration, Recipe(), stream, seeds=[seed])
        ranks.append(effective_rank(parallel_contexts(found.block, stream, Recipe()).contexts))
    assert settled.rank("training").point.item() == pytest.approx(np.mean(ranks), rel=1e-3)
    assert carried.rank("training").point.item() != pytest.approx(np.mean(ranks), rel=1e-3)


def test_another_seed_or_text_is_another_registered_study(study):
    assert study.varied().facet(Cvfp).registered is study.facet(Cvfp)
    assert study.varied(seed=1).facet(Cvfp).registered is None
