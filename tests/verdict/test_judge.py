"""The judge alone: forms of evidence, controls, detail, and what it refuses."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from semphase.errors import SemphaseError
from semphase.stats.estimate import Estimate
from semphase.verdict import Claim, Control, Criterion, Evidence, above, below, not_rejected, significant
from semphase.verdict.judge import Judge


def claim(*parts: Criterion, control: str = "random direction", **rest: object) -> Claim:
    return Claim("a.b", "s", "rule", parts, "mean", "001", control, **rest)  # type: ignore[arg-type]


def estimate(value: float, width: float = 0.1) -> Estimate:
    return Estimate(value, value - width, value + width, "bootstrap", 20)


TWO = (above(0.9, "r"), below(0.1, "rmse"))


def test_a_bare_estimate_serves_the_only_part() -> None:
    verdict = Judge(claim(above(0, "r")))(estimate(1), control=estimate(-1))
    assert (verdict.verdict, verdict.point, verdict.threshold) == ("supported", True, 0.0)
    assert verdict.estimate == estimate(1)
    assert verdict.control is not None
    assert (verdict.control.name, verdict.control.estimate, verdict.control.call) == (
        "random direction", estimate(-1), "refuted",
    )  # fmt: skip
    assert (verdict.control.relation, verdict.specific) == ("model only", True)
    assert verdict.p_decision is not None
    assert 0 < verdict.p_decision < 1e-9


def test_what_lacks_units_decides_nothing_and_says_what_it_needs() -> None:
    few = replace(estimate(1), lacks="3 seeds at least")
    verdict = Judge(claim(above(0, "r")))(few, control=estimate(-1), reason="one size")
    assert (verdict.verdict, verdict.point) == ("inconclusive", True)
    assert verdict.reason == "one size; needs 3 seeds at least"
    tested = Judge(claim(significant(0.05, "gain")))(Evidence(few, 1e-6), control=Evidence(few, 1e-6))
    assert tested.verdict == "inconclusive"
    assert tested.control is not None
    assert tested.control.call == "inconclusive"


def test_a_bare_estimate_for_several_parts_is_refused() -> None:
    with pytest.raises(SemphaseError, match=r"a\.b has the parts r, rmse"):
        Judge(claim(*TWO))(estimate(1), control=estimate(1))


def test_parts_decide_together_and_stand_in_detail() -> None:
    judge = Judge(claim(*TWO))
    verdict = judge(
        {"r": estimate(1.2), "rmse": Evidence(estimate(0.3))}, control={"r": estimate(0), "rmse": estimate(1)}
    )
    assert verdict.verdict == "refuted"
    assert verdict.estimate == estimate(0.3)
    assert [part["deciding"] for part in verdict.detail["parts"]] == [False, True]
    assert [part["verdict"] for part in verdict.detail["parts"]] == ["supported", "refuted"]
    assert verdict.detail["parts"][1]["criterion"] == "rmse < 0.1"
    assert verdict.detail["control_parts"][0]["estimate"]["value"] == 0


def test_copies_are_judged_by_their_mean_and_told() -> None:
    copies = [estimate(1), estimate(1), estimate(-1)]
    verdict = Judge(claim(above(0)))(estimate(1), control=copies)
    assert verdict.control is not None
    assert (verdict.control.call, verdict.control.relation) == ("inconclusive", "undecided")
    assert verdict.control.estimate.value == pytest.approx(1 / 3)
    assert verdict.specific is False
    assert [copy["verdict"] for copy in verdict.detail["control_copies"]] == ["supported"] * 2 + ["refuted"]
    assert verdict.detail["control_parts"][0]["verdict"] == "inconclusive"


def test_a_finished_control_is_refused() -> None:
    with pytest.raises(SemphaseError, match="judge takes estimates and got Control"):
        Judge(claim(above(0)))(estimate(1), control=Control("edited prefix", estimate(3), "refuted"))  # type: ignore[arg-type]


def test_controls_of_different_kinds_show_the_nearest_and_keep_all() -> None:
    controls = {
        "shuffled": estimate(-1),
        "random": [estimate(-0.5), estimate(-0.6), estimate(-0.4)],
        "far": estimate(-9),
    }
    verdict = Judge(claim(above(0)))(estimate(1), control=controls)
    assert verdict.control is not None
    assert (verdict.control.name, verdict.control.call, verdict.specific) == ("random", "refuted", True)
    told = verdict.detail["controls"]
    assert {name: (own["relation"], own["specific"]) for name, own in told.items()} == dict.fromkeys(
        controls, ("model only", True)
    )
    assert len(told["random"]["control_copies"]) == 3


@pytest.mark.parametrize("failing", [estimate(2), estimate(0.05)])
def test_one_control_that_does_not_fail_is_enough_not_to_be_specific(failing: Estimate) -> None:
    verdict = Judge(claim(above(0)))(estimate(1), control={"good": estimate(-1), "bad": failing})
    assert verdict.specific is False
    assert verdict.control is not None
    assert verdict.control.name == "bad"


def test_a_refuted_claim_is_never_specific() -> None:
    verdict = Judge(claim(above(0)))(estimate(-1), control=estimate(1))
    assert verdict.control is not None
    assert (verdict.control.relation, verdict.specific) == ("control only", False)


def test_parts_and_kinds_of_control_are_told_apart_by_their_names() -> None:
    parts = {"r": estimate(0), "rmse": estimate(1)}
    one = Judge(claim(*TWO))(parts, control=parts)
    several = Judge(claim(*TWO))(parts, control={"shuffled": parts, "untrained": [parts, parts, parts]})
    assert one.control is not None
    assert several.control is not None
    assert (one.control.name, one.control.call) == ("random direction", "refuted")
    assert (several.control.name, several.control.call) == ("shuffled", "refuted")
    with pytest.raises(SemphaseError, match=r"mapping of controls of a\.b is empty"):
        Judge(claim(*TWO))(parts, control={})


def test_an_empty_list_of_copies_is_refused() -> None:
    with pytest.raises(SemphaseError, match="has no copies"):
        Judge(claim(above(0)))(estimate(1), control=[])


def test_a_promised_control_must_come_or_be_excused() -> None:
    with pytest.raises(SemphaseError, match="promises the control 'random direction'"):
        Judge(claim(above(0)))(estimate(1))
    excused = Judge(claim(above(0)))(estimate(1), reason="one head only")
    assert (excused.control, excused.specific, excused.reason) == (None, None, "one head only")


def test_a_claim_without_control_says_why() -> None:
    judged = Judge(claim(above(0), control="none: a cost"))(estimate(1), reason="warm cache")
    assert judged.reason == "warm cache; no control: a cost"
    assert Judge(claim(above(0), control="none: a cost"))(estimate(1)).reason == "no control: a cost"


def test_a_second_call_is_refused() -> None:
    judge = Judge(claim(above(0)))
    first = judge(estimate(1), control=estimate(-1))
    with pytest.raises(SemphaseError, match="called judge twice"):
        judge(estimate(1), control=estimate(-1))
    assert judge.verdict is first


def test_the_p_value_is_that_of_the_registered_test() -> None:
    tested = {"effect": Evidence(estimate(1), p_value=0.01), "size": Evidence(estimate(5), p_value=0.5)}
    verdict = Judge(claim(above(0, "size"), significant(0.05, "effect")))(tested, control=tested)
    assert verdict.p_value == 0.01
    assert Judge(claim(above(0)))(Evidence(estimate(1), 0.2), control=estimate(0)).p_value == 0.2
    assert Judge(claim(above(0)))(estimate(1), control=estimate(0)).p_value is None
    assert Judge(claim(above(0)))(estimate(1), control=estimate(0), p_value=0.3).p_value == 0.3


def test_non_rejection_keeps_value_and_p_apart() -> None:
    evidence = Evidence(estimate(0.56), p_value=0.5, equivalent=False)
    verdict = Judge(claim(not_rejected(0.5642)))(evidence, control=evidence)
    assert (verdict.verdict, verdict.point, verdict.p_value) == ("inconclusive", True, 0.5)
    assert verdict.threshold == 0.5642


def test_detail_is_converted_and_may_not_overwrite() -> None:
    verdict = Judge(claim(above(0)))(
        estimate(1), control=estimate(-1), detail={"per_layer": np.array([1.0, np.nan]), "fit": estimate(2)}
    )
    assert verdict.detail["per_layer"] == [1.0, None]
    assert verdict.detail["fit"]["value"] == 2
    with pytest.raises(SemphaseError, match="judge itself fills parts"):
        Judge(claim(above(0)))(estimate(1), control=estimate(-1), detail={"parts": []})


def test_a_part_under_a_wrong_name_is_an_error_of_the_test() -> None:
    with pytest.raises(SemphaseError, match="judges"):
        Judge(claim(*TWO))({"r": estimate(1)}, control=estimate(1))


def line(_: object) -> object:
    return None


def test_figures_are_named_functions_of_the_detail() -> None:
    judge = Judge(claim(above(0)))
    judge(estimate(1), control=estimate(-1), figures=[line])
    assert judge.figures == (line,)


@pytest.mark.parametrize("figures", [[lambda detail: None], [line, line]], ids=["nameless", "twice"])
def test_figures_without_names_of_their_own_are_refused(figures: list[object]) -> None:
    with pytest.raises(SemphaseError, match=r"the figures of a\.b are saved by their functions' names"):
        Judge(claim(above(0)))(estimate(1), control=estimate(-1), figures=figures)  # type: ignore[arg-type]


@pytest.mark.parametrize("wrong", [3.0, None, [1.0, 2.0], {"estimate": 3.0}, "supported"])
def test_what_is_no_evidence_is_refused(wrong):
    with pytest.raises(SemphaseError, match="judge takes estimates and got"):
        Judge(claim(above(0)))(wrong, control=estimate(0))
    with pytest.raises(SemphaseError, match=r"judge takes estimates and got|judges \['estimate'\]"):
        Judge(claim(above(0)))(estimate(1), control=wrong if wrong is not None else 3.0)


@pytest.mark.parametrize("rest", [{"detail": [1, 2]}, {"detail": "x"}, {"figures": len}])
def test_details_and_figures_of_another_kind_are_refused(rest):
    with pytest.raises(SemphaseError, match=r"a\.b"):
        Judge(claim(above(0)))(estimate(1), control=estimate(0), **rest)


@pytest.mark.parametrize(
    ("rule", "evidence", "sentence"),
    [
        (above(0.9, "r", within=(-1, 1)), estimate(18.2), "declares 'r' to lie between -1 and 1 and got 18.2"),
        (above(0.9, "r"), replace(estimate(2), level=0.5), "is judged at 95% and got an interval of 'r' at 50%"),
        (significant(0.05, "r"), Evidence(estimate(-7), 0.001), "a p of 0.001 for an effect above 0"),
    ],
)
def test_evidence_that_the_rule_cannot_be_applied_to_is_refused(rule, evidence, sentence) -> None:
    usual = Evidence(estimate(0.5), 0.5)
    for model, control in ((evidence, usual), (usual, [evidence, usual])):
        with pytest.raises(SemphaseError, match=sentence):
            Judge(claim(rule))(model, control=control)


@pytest.mark.parametrize("p", [-0.1, 2.0, float("nan"), 0.0, "0.01", np.array([0.1, 0.2]), True])
def test_what_is_no_p_value_is_no_evidence(p: object) -> None:
    with pytest.raises(SemphaseError, match="p-value"):
        Evidence(replace(estimate(1), population=("words",)), p)  # type: ignore[arg-type]
    with pytest.raises(SemphaseError, match="p-value"):
        Judge(claim(above(0)))(estimate(1), reason="none", p_value=p)  # type: ignore[arg-type]


def test_copies_may_come_one_after_the_other() -> None:
    copies = {name: estimate(-1 - name / 9) for name in range(3)}
    listed = Judge(claim(above(0)))(estimate(1), control=list(copies.values()))
    for given in (copies.values(), iter(copies.values()), (own for own in copies.values())):
        assert Judge(claim(above(0)))(estimate(1), control=given).control == listed.control


def test_an_undecided_control_says_what_it_lacks() -> None:
    few = replace(estimate(-1), lacks="4 prompts at least")
    assert Judge(claim(above(0)))(estimate(1), control=few).reason == "its control needs 4 prompts at least"


def test_detail_that_holds_itself_is_refused() -> None:
    endless: dict[str, object] = {}
    endless["again"] = endless
    with pytest.raises(SemphaseError, match="holds itself"):
        Judge(claim(above(0)))(estimate(1), reason="none", detail=endless)
    with pytest.raises(SemphaseError, match="is a text, got 5"):
        Judge(claim(above(0)))(estimate(1), reason=5)  # type: ignore[arg-type]


def test_of_fewer_than_three_copies_nobody_knows_how_they_scatter() -> None:
    copies = [estimate(-1 - step / 9) for step in range(3)]
    for few in (1, 2):
        verdict = Judge(claim(above(0)))(estimate(1), control=copies[:few])
        assert verdict.control is not None
        assert (verdict.control.relation, verdict.specific) == ("model only", False)
        assert verdict.control.contrast is not None
        assert verdict.control.contrast.lacks == "3 copies at least"
    assert Judge(claim(above(0)))(estimate(1), control=copies).specific


def test_a_significant_test_whose_interval_holds_0_supports_nothing() -> None:
    rule = claim(significant(0.05, "gain"))
    assert Judge(rule)(Evidence(estimate(1, 1.5), 0.01), reason="none").verdict == "inconclusive"
    assert Judge(rule)(Evidence(estimate(1, 0.5), 0.01), reason="none").verdict == "supported"


@pytest.mark.parametrize(
    "told",
    ["Tuesdays", [480], {"layers": 3}, {"words": "many"}, {"words": 0}, {"words": -1}, {"tokens": True},
     {"tokens": float("nan")}, {"tokens": float("inf")}, {"words": 3, "seeds": None}],
)  # fmt: skip
def test_what_a_claim_counts_is_a_number_of_a_known_quantity(told: object) -> None:
    with pytest.raises(
        SemphaseError, match=r"a\.b has 'measured on': .* give how many tokens, words, documents or seeds"
    ):
        Judge(claim(above(0)))(estimate(1), control=estimate(-1), detail={"measured on": told})


def test_counts_stand_in_the_detail() -> None:
    told = {"tokens": 480, "seeds": np.int64(4), "documents": 2.5}
    verdict = Judge(claim(above(0)))(estimate(1), control=estimate(-1), detail={"measured on": told})
    assert verdict.detail["measured on"] == {"tokens": 480, "seeds": 4, "documents": 2.5}
