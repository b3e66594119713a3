"""Grids of CVFP trainings: what is trained, in which order, once, and what a short corpus or a failure does."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import xarray as xr

from semphase.data.corpus import Corpus
from semphase.errors import SemphaseError
from semphase.science.cvfp.evidence import (
    cosines,
    largest_difference,
    lowest_cosine,
    mean_cosine,
    output_difference,
    speed_ratio,
    window_cosines,
)
from semphase.science.cvfp.facet import Cvfp
from semphase.science.cvfp.grids import Grid
from semphase.science.cvfp.model import Recipe
from semphase.science.cvfp.spending import SIZES, Sizes
from semphase.stats.least import LEAST
from semphase.study.budget import BUDGETS, Budget

SMALL = Budget("small", simulations=20)
FEW = Sizes(documents=(4, 6), validation_documents=4, document_tokens=20, seeds=2)
QUICK = Recipe(most=6, epochs=2)


@pytest.fixture(autouse=True)
def _small_budget_trains_on_few_documents(monkeypatch):
    monkeypatch.setitem(SIZES, "small", FEW)
    monkeypatch.setitem(SIZES, "long documents", replace(FEW, document_tokens=1200))


@pytest.fixture
def study(study_of, tiny, counted_progress):
    return study_of(tiny, budget=SMALL, progress=counted_progress[0])


@pytest.fixture
def grid(study):
    """Two by two configurations at two sizes, two seeds, few iterations and epochs."""
    shape: dict[str, Any] = {"layers": (1, 2), "tokens": (1, 3), "recipe": QUICK}
    cvfp = study.facet(Cvfp)
    return lambda **more: cvfp.measured("some", cvfp.sizes, cvfp.seeds, **(shape | more))


def refuse(*_: Any, **__: Any) -> Any:
    raise AssertionError("trained again")


def test_budgets_hold_the_sizes_of_the_source_and_quick_fewer():
    sizes = [SIZES[name] for name in ("quick", "standard", "full")]
    assert [own.documents for own in sizes] == [(12, 24, 48), (50, 100, 200, 500), (50, 100, 200, 500)]
    assert [own.document_tokens for own in sizes] == [40, 40, 1200]


def test_every_budget_trains_the_least_number_of_seeds():
    own_sizes = [SIZES[name] for name in BUDGETS]
    assert all(own.seeds >= LEAST["seeds of trainings"] for own in own_sizes)
    # Two parts: one of seven seeds on each side has half of 2.5 %, one of six has not.
    assert all(2 * 0.5**own.convergence_seeds <= 0.025 for own in own_sizes)


def test_every_budget_says_what_trainings_spend():
    assert set(BUDGETS) <= set(SIZES)


@pytest.mark.slow
def test_every_training_stands_in_its_place(grid):
    made = grid()
    assert made.log_ppl.point.shape == (2, 2, 2)
    values = made.iterations
    places = list(np.ndindex(made.grid.shape))
    for (i, j, s, seed), own in zip(places, made.found, strict=True):
        assert own.attrs["configuration"] == f"{(1, 2)[i]}L-64d-{(1, 3)[j]}tok"
        assert own.attrs["seed"] == seed
        assert own.sizes["training_document"] == (4, 6)[s]
        reached = own.attrs["fixed_point_reached"]
        assert values[i, j, s, seed] <= own.attrs["iterations"] + (not reached)
        each = own["validation_nats"].sum() / own["validation_predicted"].sum()
        other = made.found[places.index((i, j, s, 1 - seed))]
        other_each = other["validation_nats"].sum() / other["validation_predicted"].sum()
        assert made.log_ppl.point[i, j, s] == pytest.approx(float(each + other_each) / 2, rel=1e-12)


def test_numbers_by_size_have_an_interval_each(grid):
    made = grid()
    by_size, alpha = made.table(made.log_ppl, "log PPL"), made.table(made.law("alpha"), "α")
    assert list(by_size) == list(alpha) == ["1L 1tok", "1L 3tok", "2L 1tok", "2L 3tok"]
    for name, at in made.configurations.items():
        assert [own.value for own in by_size[name]] == made.log_ppl.point[at].tolist()
        assert all(own.low < own.value < own.high for own in by_size[name])
        assert alpha[name].value == made.law("alpha").point[at]


def test_what_chooses_a_size_does_not_judge_it(grid):
    made = grid()
    (chosen, judged), (first, second) = made.best, made.halves
    assert (first, second) == (slice(2), slice(2, None))
    nats, predicted = (
        np.stack([own[f"validation_{name}"].values for own in made.found]).reshape(*made.grid.shape, 4)
        for name in ("nats", "predicted")
    )
    halves = [(nats[..., h].sum(-1) / predicted[..., h].sum(-1)).mean(-1) for h in (first, second)]
    for at in made.configurations.values():
        size = int(halves[0][at].argmin())
        assert chosen.point[at] == pytest.approx(halves[0][at].min())
        assert judged.point[at] == pytest.approx(halves[1][at][size])


def test_contexts_alone_are_those_of_whole_trainings(grid):
    whole, alone = grid(), grid(kind="contexts")
    np.testing.assert_array_equal(whole.iterations, alone.iterations)
    np.testing.assert_array_equal(whole.rank("validation").point, alone.rank("validation").point)
    assert "validation_nats" not in alone.found[0]


@pytest.mark.slow
def test_a_training_is_done_once(study, grid, monkeypatch):
    first = grid()
    monkeypatch.setattr("semphase.science.cvfp.facet.train", refuse)
    again = replace(study)  # the same store, nothing in memory
    cvfp = again.facet(Cvfp)
    found = cvfp.measured("some", cvfp.sizes, cvfp.seeds, layers=(1, 2), tokens=(1, 3), recipe=QUICK)
    np.testing.assert_array_equal(first.log_ppl.point, found.log_ppl.point)


def test_progress_counts_the_documents_of_missing_trainings(grid, counted_progress):
    grid(layers=(1,))
    grid()
    told = counted_progress[1]
    (first,) = (steps for label, steps in told.items() if label.startswith("8 CVFP trainings"))
    # The second grid lacks the trainings of two layers only: as many again, under the same label.
    assert first == [40, 40]
    assert len(told) == 1


def test_all_that_tells_trainings_apart_is_in_the_key(study):
    cvfp = study.facet(Cvfp)
    own = Grid("one", (4,), (0,), layers=(1,), tokens=(1,)).trainings(64)[0]
    others = [
        replace(own, documents=6),
        replace(own, seed=1),
        replace(own, recipe=Recipe(patience=3)),
        replace(own, kind="reservoir"),
        replace(own, text="shuffled"),
        replace(own, configuration=replace(own.configuration, layers=2)),
        replace(own, configuration=replace(own.configuration, context_width=128)),
        replace(own, configuration=replace(own.configuration, token_input="first")),
    ]
    paths = {study.store.path(cvfp._key(each)) for each in (own, *others)}
    assert len(paths) == len(others) + 1


def test_shuffled_text_keeps_the_words_of_training_and_all_of_validation(study):
    own = Grid("one", (6,), (0,), layers=(1,), tokens=(1,)).trainings(64)[0]
    training, validation = study.facet(Cvfp).split(own)
    shuffled, same = study.facet(Cvfp).split(replace(own, text="shuffled"))
    np.testing.assert_array_equal(same, validation)
    assert (shuffled != training).mean() > 0.5
    np.testing.assert_array_equal(np.sort(shuffled, axis=None), np.sort(training, axis=None))


def test_all_sizes_share_one_output_layer(study):
    cvfp = study.facet(Cvfp)
    every = np.union1d(cvfp.documents.training, cvfp.documents.validation)
    np.testing.assert_array_equal(cvfp.vocabulary.types, every)
    assert f"the {len(every)} token types" in cvfp.reading["output layer"]


def test_neighbouring_seeds_of_studies_share_no_training(study):
    other = replace(study, seed=1)
    assert not set(study.facet(Cvfp).seeds) & set(other.facet(Cvfp).seeds)


def test_too_short_a_corpus_is_told_before_anything_is_trained(study, monkeypatch):
    monkeypatch.setattr("semphase.science.cvfp.facet.train", refuse)
    words = study.corpus.text.split()[:100]
    short = replace(study, corpus=Corpus("story.txt", " ".join(words), ""))
    with pytest.raises(SemphaseError) as caught:
        _ = short.facet(Cvfp).matrix
    assert str(caught.value).startswith("the corpus story.txt has 5 documents of 20 tokens, and 6 for training with 4")
    assert not list(study.store.root.rglob("CVFP training/*.nc"))


def test_a_short_corpus_gives_short_documents(study_of, tiny, corpus):
    budget = replace(SMALL, name="long documents")
    made = study_of(tiny, budget=budget).facet(Cvfp)
    assert 20 <= made.documents.length < 1200
    assert made.reading["tokens of a document"] == made.documents.length


def test_the_reading_counts_what_the_largest_and_the_smallest_trainings_read(study):
    cvfp = study.facet(Cvfp)
    length, seeds = cvfp.documents.length, len(cvfp.seeds)
    for reading, documents in ((cvfp.reading, max(cvfp.sizes)), (cvfp.reading_of_smallest, min(cvfp.sizes))):
        assert reading["measured on"] == {"tokens": documents * length, "documents": documents, "seeds": seeds}


def test_a_broken_training_leaves_those_before_it(study, grid, monkeypatch):
    from semphase.science.cvfp.model import train

    done = []

    def break_third(*arguments: Any, **named: Any) -> Any:
        if len(done) == 2:
            raise SemphaseError("phase 2 diverged")
        done.append(arguments)
        return train(*arguments, **named)

    monkeypatch.setattr("semphase.science.cvfp.facet.train", break_third)
    with pytest.raises(SemphaseError, match="phase 2 diverged"):
        grid()
    # Two configurations or sizes with two seeds each.
    assert len(list(study.store.root.rglob("CVFP training/*.nc"))) == 4


def test_parallel_contexts_are_nearer_to_their_own_place_than_to_others(study):
    own, elsewhere = cosines(study), cosines(study, "cosine_elsewhere")
    assert own.shape == elsewhere.shape == (2, 4, 20)
    assert mean_cosine(own).point > mean_cosine(elsewhere).point


def test_cosines_by_hand():
    values = np.linspace(0, 1, 160).reshape(2, 4, 20)
    assert mean_cosine(values).point == pytest.approx(values.mean(), abs=1e-12)
    assert lowest_cosine(values).point == pytest.approx((values[0].min() + values[1].min()) / 2)
    windows = window_cosines(values)
    for window, start in enumerate((0, 30, 60)):
        taken = values.reshape(2, 80)[:, start : start + 20]
        assert windows.point[window] == pytest.approx(taken.mean(), abs=1e-12)
        blocks, seeds = windows.without
        assert blocks.numbers[2 * window, window] == pytest.approx(taken[:, 10:].mean(), abs=1e-12)
        assert seeds.numbers[0, window] == pytest.approx(taken[1].mean(), abs=1e-12)
    found = largest_difference(windows)
    assert found.value == pytest.approx(windows.point[2] - windows.point[0], abs=1e-12)
    assert found.lacks == "4 seeds at least"


def test_outputs_that_are_equal_are_so_within_rounding():
    times = xr.Dataset(
        {"largest_difference": (("form", "training_document"), np.zeros((1, 5))), "size": ((), 2.0)},
        coords={"form": ["parallel"]},
    )
    found = output_difference(times, "parallel")
    assert (found.value, found.low, found.lacks) == (0, 0, "")
    assert 0 < found.high < 1e-6


def test_repeats_are_compared_one_by_one():
    seconds = xr.DataArray([[4.0, 9.0, 2.0], [2.0, 3.0, 2.0]], dims=("form", "repeat")).assign_coords(
        form=["sequential", "parallel"]
    )
    assert speed_ratio(seconds, "parallel").value == 2
    assert speed_ratio(seconds, "parallel").lacks


def test_a_kill_between_the_results_of_two_seeds_costs_none_of_them(study, monkeypatch):
    from semphase.science.cvfp.model.checkpoint import Checkpoints
    from semphase.store import Store

    monkeypatch.setattr(Checkpoints, "due", lambda *_: True)
    cvfp, write, told = study.facet(Cvfp), Store._write, []
    pair = Grid("pair", (4,), cvfp.seeds[:2], layers=(1,), tokens=(1,), recipe=QUICK).trainings(cvfp.vocabulary.width)

    def killed(self: Store, *entry: Any) -> None:
        if told:
            raise KeyboardInterrupt
        told.append(entry)
        write(self, *entry)

    monkeypatch.setattr(Store, "_write", killed)
    with pytest.raises(KeyboardInterrupt):
        cvfp.trained(pair)
    monkeypatch.setattr(Store, "_write", write)
    monkeypatch.setattr(Checkpoints, "write", refuse)  # after each iteration and epoch
    resumed = cvfp.trained(pair)
    assert not list(study.store.root.rglob("phase-*"))
    monkeypatch.undo()
    monkeypatch.setitem(SIZES, "small", FEW)
    other = replace(study, store=Store(study.store.root / "other")).facet(Cvfp).trained(pair)
    assert all(resumed[own].drop_attrs().identical(other[own].drop_attrs()) for own in pair)


@pytest.mark.slow
def test_a_gpu_s_grid_in_processes_is_the_same(study, grid, monkeypatch):
    from semphase.store import Store

    own = grid()
    monkeypatch.setattr("semphase.science.cvfp.facet.processes_for", lambda _device: 2)
    monkeypatch.setattr("semphase.science.cvfp.facet.train", refuse)  # not in this one
    cvfp = replace(study, store=Store(study.store.root / "apart")).facet(Cvfp)
    found = cvfp.measured("some", cvfp.sizes, cvfp.seeds, layers=(1, 2), tokens=(1, 3), recipe=QUICK)
    assert all(
        one.drop_attrs().identical(other.drop_attrs()) for one, other in zip(found.found, own.found, strict=True)
    )
    assert cvfp._train is None
