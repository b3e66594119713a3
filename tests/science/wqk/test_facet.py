"""Rebuilt weights in a study: measured once, whole at all components, and never left in the model."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from semphase.errors import NotApplicable, SemphaseError
from semphase.science.wqk.facet import WeightBasis
from semphase.study.subject import Trained

FORMS = ("registered", "basis-free", "other basis")


@pytest.mark.parametrize("form", FORMS)
def test_all_components_give_the_model_back(study_of, tiny, form):
    before = [parameter.detach().clone() for parameter in tiny.module.parameters()]
    own = study_of(tiny).facet(WeightBasis)
    found = own.ratio("leading", own.heads, form)
    assert found.value == pytest.approx(1, abs=1e-5)
    assert found.low <= found.value <= found.high
    assert found.population == ("text",)
    assert all(torch.equal(a, b) for a, b in zip(before, tiny.module.parameters(), strict=True))


def test_a_second_run_measures_nothing(study_of, random_gpt2, monkeypatch):
    def everything() -> list[object]:
        study = study_of(random_gpt2)
        own = study.facet(WeightBasis)
        copy = study.untrained[0].facet(WeightBasis)
        return [
            *(own.evidence(form) for form in FORMS),
            own.smallest_ratio("random", own.grid),
            own.copies[1].ratio("as far as clusters", own.clusters), own.copies[1].ratio("as far as leading", 5),
            own.dimension(0.9), copy.dimension(0.9), copy.layer_correlation(),
        ]  # fmt: skip

    first = everything()

    def refuse(*_: object, **__: object) -> None:
        pytest.fail("a measurement")

    for name in ("head_weights", "with_queries"):
        monkeypatch.setattr(f"semphase.science.wqk.facet.{name}", refuse)
    monkeypatch.setattr("semphase.study.subject.reinitialised", refuse)
    handle = random_gpt2.module.base_model.register_forward_pre_hook(refuse)
    try:
        second = everything()
    finally:
        handle.remove()
    for before, after in zip(first, second, strict=True):
        np.testing.assert_equal(before, after)


def test_the_smallest_ratio_is_the_smallest_with_bounds_for_each(study_of, random_gpt2):
    own = study_of(random_gpt2).facet(WeightBasis)
    each = [own.ratio("leading", count) for count in own.grid]
    found = own.smallest_ratio("leading", own.grid)
    assert found.value == pytest.approx(min(ratio.value for ratio in each))
    assert found.low <= min(ratio.low for ratio in each) + 1e-9
    assert set(own.evidence("registered")) == {
        "K(90 %)", "smallest ratio", "ratio at 99 %", "ratio at 99.7 %", "ratio with clusters", "|ρ|",
    }  # fmt: skip


def test_rebuilt_weights_reach_the_model(study_of, random_gpt2):
    own = study_of(random_gpt2).facet(WeightBasis)
    kinds = ("leading", "random", "clusters", "as far as leading", "as far as clusters")
    ratios = [own.ratio(kind, 2).value for kind in kinds]
    assert len({round(ratio, 6) for ratio in [1.0, *ratios]}) == 6


@pytest.mark.parametrize("kind", ["random", "as far as leading", "as far as clusters"])
def test_copies_differ_by_what_is_drawn(study_of, random_gpt2, kind):
    own = study_of(random_gpt2).facet(WeightBasis)
    drawn = [copy.mixing(kind, 3) for copy in own.copies]
    assert len(drawn) == 5
    assert all(np.abs(drawn[i] - drawn[j]).max() > 1e-3 for i in range(5) for j in range(i))
    for same in ("leading", "clusters"):
        np.testing.assert_array_equal(own.copies[3].mixing(same, 3), own.mixing(same, 3))


def test_seeds_and_forms_are_kept_apart(study_of, random_gpt2):
    study = study_of(random_gpt2)
    other = replace(study, seed=1)
    assert study.facet(WeightBasis).ratio("leading", 3).value == pytest.approx(
        other.facet(WeightBasis).ratio("leading", 3).value
    )
    assert study.facet(WeightBasis).ratio("random", 3).value != pytest.approx(
        other.facet(WeightBasis).ratio("random", 3).value
    )
    assert study.facet(WeightBasis).components(0.9, "other basis") < study.facet(WeightBasis).components(0.9)


@pytest.mark.parametrize("count", [0, 13])
def test_too_many_components_are_refused_in_a_sentence(study_of, random_gpt2, count):
    with pytest.raises(SemphaseError, match=rf"has 12 heads, so it cannot be rebuilt from {count} components; choose"):
        study_of(random_gpt2).facet(WeightBasis).ratio("leading", count)


def test_a_model_of_four_heads_has_no_grid(study_of, random_gpt2):
    few = replace(random_gpt2, layers=1)
    with pytest.raises(NotApplicable, match="needs 5 attention heads, the model has 4"):
        study_of(few, subject=Trained(few)).facet(WeightBasis).grid  # noqa: B018
