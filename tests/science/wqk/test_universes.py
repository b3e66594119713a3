"""The basis of query-key weights in universes: what each does otherwise, and what it takes from the store."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hooks import passes

from semphase.models import Model
from semphase.science.wqk import universes
from semphase.science.wqk.facet import WeightBasis
from semphase.stats.blocks import BlockLosses
from semphase.stats.ratios import ratios
from semphase.study import Study
from semphase.verdict.universes import universe


def within(study: Study, name: str) -> WeightBasis:
    return study.in_universe(universe(name)).facet(WeightBasis)


def test_the_second_half_is_taken_from_the_losses_of_all(study_of: Callable[..., Study], random_gpt2: Model) -> None:
    study = study_of(random_gpt2)
    own = study.facet(WeightBasis)
    whole, base = own.losses("leading", 2), study.text.baseline("both")
    chunks, later = len(study.text.chunks("both")), len(study.text.chunks("judge"))
    kept = slice((chunks - later) * len(base.counts) // chunks, None)
    judged = study.text.baseline("judge")
    np.testing.assert_allclose(base.sums[kept], judged.sums, rtol=1e-6)
    with passes(random_gpt2) as entered:
        found = within(study, "second half of the text").ratio("leading", 2)
    assert entered == []
    wanted = ratios(BlockLosses(whole.sums[None, kept], whole.counts[kept]), judged).estimate()
    assert found.value == pytest.approx(wanted.value, rel=1e-6)
    assert found.value != own.ratio("leading", 2).value


@pytest.mark.parametrize("name", ["basis-free", *universes.PREPARED])
def test_all_components_give_the_model_back(study_of: Callable[..., Study], random_gpt2: Model, name: str) -> None:
    own = within(study_of(random_gpt2), name)
    assert own.ratio("leading", own.heads).value == pytest.approx(1, abs=1e-5)
    assert abs(np.log(own.ratio("leading", 2).value)) > 1e-4


def test_few_components_differ_between_universes(study_of: Callable[..., Study], random_gpt2: Model) -> None:
    """No two share a key of the store."""
    study, names = study_of(random_gpt2), ("basis-free", *universes.PREPARED)
    found = [study.facet(WeightBasis).ratio("leading", 3), *(within(study, own).ratio("leading", 3) for own in names)]
    assert len({round(ratio.value, 7) for ratio in found}) == 4


def test_the_form_of_the_universe_is_that_which_is_asked_for(
    study_of: Callable[..., Study], random_gpt2: Model
) -> None:
    study = study_of(random_gpt2)
    free = within(study, "basis-free")
    assert free.ratio("leading", 2) == study.facet(WeightBasis).ratio("leading", 2, "basis-free")
    assert free.dimension(0.9) == study.facet(WeightBasis).dimension(0.9, "basis-free")
    assert free.layer_correlation() == study.facet(WeightBasis).layer_correlation("basis-free")
    np.testing.assert_array_equal(
        free.rebuilt("leading", 2), study.facet(WeightBasis).rebuilt("leading", 2, "basis-free")
    )


def test_numbers_of_components_are_rounded_up(study_of: Callable[..., Study], random_gpt2: Model) -> None:
    """12 heads times 10, 16, 24 and 32 of 144: 0.83, 1.33, 2 and 2.67."""
    study = study_of(random_gpt2)
    assert study.facet(WeightBasis).grid == (1, 2)
    assert within(study, "K rounded up").grid == (1, 2, 3)


def test_clusters_of_universes(study_of: Callable[..., Study], random_gpt2: Model) -> None:
    """A third of 12 heads stays, and heads that stand for their clusters cost what other clusters do not."""
    study = study_of(random_gpt2)
    assert (study.facet(WeightBasis).clusters, within(study, "k = 1/3 of the heads").clusters) == (5, 4)
    ward = within(study, "Ward's clusters")
    np.testing.assert_array_equal(ward.mixing("clusters", 5), ward.basis().merged(5))
    assert np.linalg.matrix_rank(ward.mixing("clusters", 5)) == 5


def test_no_universe_draws_a_control(study_of: Callable[..., Study], random_gpt2: Model) -> None:
    study = study_of(random_gpt2)
    assert len(study.facet(WeightBasis).copies) == 5
    assert within(study, "heads of unit norm").copies == []
