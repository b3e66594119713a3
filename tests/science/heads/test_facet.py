"""Heads changed one by one and together: agreement between the ways, the store, screening, orders, forms."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import torch
from random_models import random_model
from scipy.stats import spearmanr

from semphase.errors import SemphaseError
from semphase.measure import sweeps
from semphase.measure.screening.ways import Way
from semphase.models import Model
from semphase.science.heads.facet import Heads, numbers
from semphase.science.heads.forms import better_identity, form_ratios, pruned_and_linear
from semphase.science.heads.rankings import ORDERS, curve, curve_counts, order, pareto, random_order, ratios_of
from semphase.science.heads.screened import near_decisions
from semphase.stats.blocks import in_blocks
from semphase.store import Store
from semphase.study import Study

HEADS = 12


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return random_model("llama", tmp_path_factory.mktemp("models"))


@pytest.fixture
def study(study_of: Callable[..., Study], llama: Model) -> Study:
    return study_of(llama)


@pytest.fixture
def heads(study: Study) -> Heads:
    return study.facet(Heads)


@pytest.mark.parametrize("kind", ["zero", "mean", "relu", "identity", "product"])
def test_one_head_alone_is_a_set_of_one(heads: Heads, kind: str) -> None:
    single = heads.single(kind, "judge")
    assert single.sums.shape[0] == HEADS
    for head in (0, 5, 11):
        np.testing.assert_allclose(single.sums[head], heads.joint({head: kind}, "judge").sums, rtol=1e-5)


def test_some_heads_are_measured_as_all_are(heads: Heads) -> None:
    every = heads.single("zero", "judge")
    some = heads.single_of("zero", "judge", [7, 2])
    np.testing.assert_allclose(some.sums, every.sums[[2, 7]], rtol=1e-6)


def test_a_set_is_the_same_whatever_was_measured_before(heads: Heads) -> None:
    chosen = {0: "zero", 4: "relu", 5: "mean", 6: "zero"}
    after_others = heads.joints([{0: "zero"}, {11: "identity"}, chosen], "judge").sums[-1]
    alone = []
    for ids in heads.text.groups("judge"):
        with heads.text.replay(ids) as replay:
            alone.append(in_blocks(replay.losses(heads.changes(chosen)).double().numpy())[0])
    np.testing.assert_allclose(after_others, np.concatenate(alone), rtol=1e-6)


def test_what_was_measured_is_not_measured_again(
    study: Study, study_of: Callable[..., Study], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = [study.facet(Heads).single("zero", "choose").sums, study.facet(Heads).joint({3: "mean"}, "judge").sums]
    gradient = study.facet(Heads).gradient("zero")

    def broken(*_args: object, **_kwargs: object) -> None:
        raise AssertionError("a forward pass was made")

    for block in study.model.anatomy.blocks:
        monkeypatch.setattr(block, "forward", broken)
    again = study_of(study.model).facet(Heads)
    np.testing.assert_array_equal(again.single("zero", "choose").sums, before[0])
    np.testing.assert_array_equal(again.joint({3: "mean"}, "judge").sums, before[1])
    np.testing.assert_array_equal(again.gradient("zero"), gradient)


def test_a_stopped_sweep_goes_on_where_it_was(
    study: Study, study_of: Callable[..., Study], monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[int] = []
    whole = sweeps.head_by_head

    def stopping(replay: object, layer: int, *rest: object) -> torch.Tensor:
        if layer == 2 and len(done) == 2:
            raise KeyboardInterrupt
        done.append(layer)
        return whole(replay, layer, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr("semphase.science.heads.facet.head_by_head", stopping)
    with pytest.raises(KeyboardInterrupt):
        study.facet(Heads).single("zero", "choose")
    assert done == [0, 1]
    done.append(-1)
    study_of(study.model).facet(Heads).single("zero", "choose")
    assert done[:4] == [0, 1, -1, 2]


def test_the_gradient_predicts_small_changes(heads: Heads) -> None:
    exact = heads.single("mean", "choose").mean - heads.text.baseline("choose").mean
    assert spearmanr(heads.gradient("mean"), exact).statistic > 0.5


def test_further_heads_come_on_top(heads: Heads) -> None:
    removed, candidates = numbers([1, 6], "zero"), [9, 3]
    found = heads.after(removed, "zero", candidates)
    for head, loss in zip(candidates, found, strict=True):
        joint = heads.joint(removed | {head: "zero"}, "choose")
        assert loss == pytest.approx(float(joint.mean), rel=1e-5)


@pytest.mark.parametrize("way", get_args(Way))
def test_screening_ranks_the_heads_as_full_precision_does(
    study: Study, study_of: Callable[..., Study], monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    exact = study.facet(Heads)._single("zero", "choose", None)
    monkeypatch.setattr("semphase.science.heads.screened.worth_screening", lambda _model: True)
    monkeypatch.setattr("semphase.science.heads.screened.fastest", lambda *_: way)
    heads = study_of(study.model).facet(Heads)
    found = heads.screening.single("zero")
    assert spearmanr(found.losses.mean, exact.mean).statistic > 0.95
    assert 0 < len(found.confirmed) < heads.total
    assert found.sound
    # All ways keep 8 bits or more: errors of a hundredth of the effects that it ranks.
    spread = float(np.ptp(exact.mean))
    assert 0 < found.rms_error <= found.largest_error < 0.1 * spread
    same = np.isclose(found.losses.mean, exact.mean, rtol=1e-7, atol=0)
    assert len(found.confirmed) <= same.sum() < heads.total
    assert heads.single("zero", "choose") is found.losses
    told = heads.screening_told("zero")
    assert told["screening"]["screened in"] == way
    assert heads.screening_error("zero") == found.rms_error
    assert told["screening"]["heads confirmed in full precision"] == len(found.confirmed)


@pytest.fixture
def noisy(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """`noisy(nats)` screens in int8 and adds so much noise to what it finds for each head."""
    monkeypatch.setattr("semphase.science.heads.screened.worth_screening", lambda _model: True)
    monkeypatch.setattr("semphase.science.heads.screened.fastest", lambda *_: "int8")
    own = sweeps.head_by_head

    def spoil(nats: float) -> None:
        def spoiled(replay: Any, layer: int, other: Any) -> torch.Tensor:
            found = own(replay, layer, other)
            noise = torch.randn(len(found), 1, 1, generator=torch.Generator().manual_seed(layer))
            return found + nats * noise

        monkeypatch.setattr("semphase.science.heads.screened.head_by_head", spoiled)

    return spoil


def test_a_broken_screening_decides_nothing(
    study: Study, study_of: Callable[..., Study], noisy: Callable[[float], None], tmp_path: Path
) -> None:
    heads = study.facet(Heads)
    exact, ranked = heads._single("zero", "choose", None), order(heads, "greedy", "zero")
    noisy(10 * float(np.ptp(exact.mean)))
    apart = study_of(study.model, store=Store(tmp_path / "apart"))
    rough = apart.facet(Heads)
    found = rough.screening.single("zero")
    assert not found.sound
    np.testing.assert_allclose(found.losses.sums, exact.sums, rtol=1e-6)
    np.testing.assert_array_equal(order(rough, "greedy", "zero"), ranked)
    assert rough.screening_error("zero") == 0
    (notice,) = apart.store.notices
    assert notice.endswith("of what moves a decision; all were measured in full precision.")
    assert rough.screening_told("zero")["screening"]["heads confirmed in full precision"] == HEADS


def test_heads_that_check_a_sound_screening_move_no_number(
    study: Study, study_of: Callable[..., Study], noisy: Callable[[float], None]
) -> None:
    noisy(0.0)
    heads = study_of(study.model).facet(Heads)
    found, rough = heads.screening.single("zero"), heads.screening._differences("zero")
    near = near_decisions(rough.mean, heads.registered_count)
    assert list(found.confirmed) == near.tolist()
    assert found.checked == HEADS - len(near)
    others = np.setdiff1d(np.arange(HEADS), near)
    screened = rough.sums + study.text.baseline("choose").sums
    np.testing.assert_array_equal(found.losses.sums[others], screened[others])
    assert not heads.study.store.notices


@pytest.mark.parametrize("way", get_args(Way))
def test_further_heads_are_screened_where_single_ones_are(
    study: Study, study_of: Callable[..., Study], monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    removed, heads = numbers([1, 6], "mean"), list(range(8, study.facet(Heads).total))
    exact = study.facet(Heads).after(removed, "mean", heads)
    monkeypatch.setattr("semphase.science.heads.screened.worth_screening", lambda _model: True)
    monkeypatch.setattr("semphase.science.heads.screened.fastest", lambda *_: way)
    found = study_of(study.model).facet(Heads).after(removed, "mean", heads)
    off = found - exact
    assert 0 < float(np.ptp(off)) < 0.1 * float(np.ptp(exact))


def test_the_way_of_screening_is_chosen_once(
    study: Study, study_of: Callable[..., Study], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A busy machine would choose another one and measure every head again."""
    monkeypatch.setattr("semphase.science.heads.screened.worth_screening", lambda _model: True)
    measured = iter([{"int8": 3.0, "bfloat16": 1.0}, {"bfloat16": 1.0}])
    monkeypatch.setattr("semphase.science.heads.screened.speedups", lambda _model: next(measured))
    assert study_of(study.model).facet(Heads).screening.way == "int8"
    assert study_of(study.model).facet(Heads).screening.way == "int8"
    assert next(measured) == {"bfloat16": 1.0}


@pytest.mark.parametrize("way", get_args(Way))
@pytest.mark.parametrize("budget", ["quick", "standard", "full"])
def test_full_budgets_are_screened_in_eleven_bits_alone(
    study: Study, monkeypatch: pytest.MonkeyPatch, budget: str, way: str
) -> None:
    monkeypatch.setattr("semphase.science.heads.screened.worth_screening", lambda _model: True)
    monkeypatch.setattr("semphase.science.heads.screened.fastest", lambda *_: way)
    screening = replace(study, budget=replace(study.budget, name=budget)).facet(Heads).screening
    assert (screening is not None) == (budget != "full" or way == "tf32+float16")


def test_exact_losses_are_not_said_to_be_screened(study: Study) -> None:
    assert study.facet(Heads).screening is None
    assert study.facet(Heads).screening_told("zero") == {}
    assert study.facet(Heads).screening_error("zero") == 0


def test_the_heads_near_a_decision_are_the_ends_and_the_threshold() -> None:
    effects = np.random.default_rng(0).normal(size=200)
    chosen = near_decisions(effects, 60)
    ranks = np.argsort(np.argsort(effects))[chosen]
    assert sorted(ranks) == [*range(2), *range(58, 62), *range(198, 200)]


@pytest.mark.parametrize(("rule", "kind"), ORDERS)
def test_an_order_holds_every_head_once(heads: Heads, rule: str, kind: str) -> None:
    assert sorted(order(heads, rule, kind)) == list(range(HEADS))


def test_the_single_order_rises(heads: Heads) -> None:
    effects = heads.single("zero", "choose").mean
    assert np.all(np.diff(effects[order(heads, "single", "zero")]) >= 0)


def test_the_greedy_order_beats_the_single_one_where_it_chose(heads: Heads) -> None:
    count = heads.registered_count
    sets = [numbers(order(heads, rule, "zero")[:count], "zero") for rule in ("greedy", "single")]
    greedy, single = ratios_of(heads, sets, "choose").values
    # Its first stage is the single order's, later ones are measured: on this text it can hardly lose.
    assert greedy <= single * 1.001


def test_random_orders_are_the_seeds(heads: Heads) -> None:
    assert sorted(random_order(heads)) == list(range(HEADS))
    np.testing.assert_array_equal(random_order(heads), random_order(heads))
    assert not np.array_equal(random_order(heads), random_order(heads, 1))


def test_curves_hold_the_registered_count_and_end_with_all_heads(heads: Heads) -> None:
    counts = curve_counts(heads)
    assert heads.registered_count in counts
    assert counts[-1] == HEADS
    assert 0 not in counts
    found = curve(heads, "random", random_order(heads), "zero")
    assert found.ratios.values.shape == (len(counts),)


def test_the_pareto_figure_has_the_registered_order_the_same_text_and_chance(heads: Heads) -> None:
    names = [own.name for own in pareto(heads)]
    assert names[0].startswith("single, zero")
    assert any("text that chose it" in name for name in names)
    assert names[-1].startswith("random")


def test_a_head_beyond_the_last_is_refused(heads: Heads) -> None:
    with pytest.raises(SemphaseError, match="has 12 heads and no head 12"):
        ratios_of(heads, [{12: "zero"}])


def test_an_unknown_change_is_refused(heads: Heads) -> None:
    with pytest.raises(SemphaseError, match="no change 'cubic' of a head: choose zero, mean"):
        heads.single("cubic", "choose")


def test_pruned_heads_are_not_replaced_as_well(heads: Heads) -> None:
    by = order(heads, "single", "zero")
    chosen = pruned_and_linear(heads, by, by, "identity")
    kinds = list(chosen.values())
    assert kinds.count("zero") == heads.registered_count
    assert kinds.count("identity") == HEADS // 10


def test_the_better_identity_is_chosen_on_its_own_half(heads: Heads) -> None:
    form = better_identity(heads)
    ratios = {}
    for name in ("identity", "identity-l1"):
        by = order(heads, "single", name)[: heads.registered_count]
        ratios[name] = ratios_of(heads, [numbers(by, name)], "choose").values[0]
    assert form == min(ratios, key=ratios.__getitem__)


def test_softmax_in_the_place_of_softmax_changes_nothing(heads: Heads) -> None:
    found = form_ratios(heads, random_order(heads), ["softmax", "zero"])
    assert found["softmax"].value == pytest.approx(1, abs=1e-5)  # type: ignore[attr-defined]


def test_a_loss_that_is_not_finite_names_head_and_layer(heads: Heads, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(kind: str, means: object = None) -> object:
        return lambda seen: torch.full_like(seen.outputs, float("nan"))

    monkeypatch.setattr("semphase.science.heads.facet.substitute", broken)
    with pytest.raises(SemphaseError, match="head 0 of layer 0"):
        heads.single("zero", "choose")
