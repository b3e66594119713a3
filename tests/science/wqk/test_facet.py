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
    assert found.n == own.study.text.tokens("both")
    assert all(torch.equal(a, b) for a, b in zip(before, tiny.module.parameters(), strict=True))


def test_a_second_run_measures_nothing(study_of, random_gpt2, monkeypatch):
    def everything() -> list[object]:
        study = study_of(random_gpt2)
        own = study.facet(WeightBasis)
        copy = study.untrained[0].facet(WeightBasis)
        return [
            *(own.numbers(form) for form in FORMS),
            own.smallest_ratio("random", own.grid),
            own.ratio("scattered", own.clusters),
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


def test_numbers_are_those_of_the_single_estimates(study_of, random_gpt2):
    own = study_of(random_gpt2).facet(WeightBasis)
    numbers = own.numbers("registered")
    assert {len(values) for values in numbers.values()} == {1 + own.study.budget.draws}
    for name, made in {
        "K(90 %)": own.dimension(0.9),
        "smallest ratio": own.smallest_ratio("leading", own.grid),
        "ratio at 99 %": own.ratio("leading", own.components(0.99)),
        "ratio at 99.7 %": own.ratio("leading", own.components(0.997)),
        "ratio with clusters": own.ratio("clusters", own.clusters),
        "|ρ|": own.layer_correlation(),
    }.items():
        assert numbers[name][0] == pytest.approx(made.value)
    low, high = np.percentile(numbers["ratio with clusters"][1:], [2.5, 97.5])
    made = own.ratio("clusters", own.clusters)
    assert (made.low, made.high) == pytest.approx((min(low, made.value), max(high, made.value)))


def test_rebuilt_weights_reach_the_model(study_of, random_gpt2):
    own = study_of(random_gpt2).facet(WeightBasis)
    ratios = [own.ratio(kind, 2).value for kind in ("leading", "random", "clusters", "scattered")]
    assert len({round(ratio, 6) for ratio in [1.0, *ratios]}) == 5


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
