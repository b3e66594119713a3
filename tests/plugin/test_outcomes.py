"""Every verdict and every way to break, as pytest and the report tell them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.plugin.conftest import Make, Ran

OUTCOMES = {
    "high": ("PASSED", "passed", "supported"),
    "low": ("FAILED", "failed", "refuted"),
    "near": ("INCONCLUSIVE", "inconclusive", "inconclusive"),
    "no_news": ("PASSED", "passed", "supported"),
    "high_as_published": ("PASSED", "passed", "supported"),
    "low_against_published": ("FAILED", "failed", "refuted"),
    "low_as_published": ("XFAIL", "xfailed", "refuted"),
    "high_against_published": ("FAILED", "failed", "supported"),
    "near_published": ("INCONCLUSIVE", "inconclusive", "inconclusive"),
    "two_models": ("SKIPPED", "skipped", "not-applicable"),
    "words": ("SKIPPED", "skipped", "not-applicable"),
    "layers": ("SKIPPED", "skipped", "not-applicable"),
    "cuda": ("SKIPPED", "skipped", "not-applicable"),
    "silent": ("FAILED", "error", None),
    "twice": ("FAILED", "error", None),
    "measurement": ("FAILED", "error", None),
    "code": ("FAILED", "error", None),
    "after": ("FAILED", "error", None),
    "figure": ("PASSED", "passed", "supported"),
    "nameless_figure": ("FAILED", "error", None),
}
IDS = {
    "high": "order.high", "low": "order.low", "near": "order.near", "no_news": "order.no-news",
    "high_as_published": "pi.high-as-published", "low_against_published": "pi.low-against-published",
    "low_as_published": "pi.low-as-published", "high_against_published": "pi.high-against-published",
    "near_published": "pi.near-published", "two_models": "needs.two-models", "words": "needs.words",
    "layers": "needs.layers", "cuda": "needs.cuda", "silent": "broken.silent", "twice": "broken.twice",
    "measurement": "broken.measurement", "code": "broken.code", "after": "broken.after",
    "figure": "drawn.badly", "nameless_figure": "broken.nameless-figure",
}  # fmt: skip


@pytest.fixture(scope="module")
def ran(make: Make) -> Ran:
    return make().run("--model", "gpt2", "--tb=short")


@pytest.mark.parametrize("name", OUTCOMES)
def test_each_claim_has_its_outcome(ran: Ran, name: str) -> None:
    word, outcome, verdict = OUTCOMES[name]
    entry = ran.entries[IDS[name]]
    assert (entry["outcome"], entry["verdict"], entry["model"]) == (outcome, verdict, "gpt2")
    assert ran.word(f"test_{name}[gpt2]") == word


def test_a_failed_claim_makes_exit_code_1_with_a_whole_report(ran: Ran) -> None:
    assert ran.code == 1
    assert len(ran.entries) == 23
    assert ran.document is not None
    assert ran.document["summary"] == {
        "supported": 7, "specific": 4, "refuted": 3, "firm": 10, "nominal": 0, "fragile": 0, "inconclusive": 2,
        "not_applicable": 5, "failed": 9,
    }  # fmt: skip


def test_inconclusive_counts_as_neither_passed_nor_failed(ran: Ran) -> None:
    counts = ran.out.strip().splitlines()[-1]
    assert "9 failed, 8 passed, 5 skipped, 1 xfailed, 2 inconclusive" in counts


def test_a_changed_verdict_is_told_with_estimate_and_criterion(ran: Ran) -> None:
    assert "verdict changed: expected supported, found refuted: -1 [-1.1, -0.9] against estimate > 0" in ran.out
    assert "verdict changed: expected refuted, found supported: 1 [0.9, 1.1] against estimate > 0" in ran.out


def test_errors_of_semphase_show_one_sentence_and_other_errors_a_traceback(ran: Ran) -> None:
    failures = ran.out.partition("= FAILURES =")[2].partition("= verdicts =")[0]
    blocks = failures.split("_ test_")
    told = {block.partition("[")[0]: block.partition("\n")[2].strip().rstrip("_ \n") for block in blocks[1:]}
    assert told["measurement"] == ("broken.measurement: zeroing heads moved no loss: this model cannot be ablated")
    assert told["silent"].endswith("ended without a verdict: it must call judge once")
    assert "ZeroDivisionError" in told["code"]
    assert "stubs.py:" in told["code"]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("needs.two-models", "needs 2 models, the study has 1"),
        ("needs.words", "needs 3 words, the study has 2"),
        ("needs.layers", "needs 13 layers, the study has 12"),
        ("needs.cuda", "needs CUDA"),
        ("broken.twice", "the test of broken.twice called judge twice; one claim has one verdict"),
        ("broken.measurement", "zeroing heads moved no loss: this model cannot be ablated"),
        ("broken.after", "ValueError: too late (stubs.py:"),
        ("broken.nameless-figure", "the figures of broken.nameless-figure are saved by their functions' names"),
        ("audit.table", "no control: arithmetic"),
        ("order.high", ""),
    ],
)
def test_the_report_gives_the_reason(ran: Ran, name: str, reason: str) -> None:
    found = ran.entries[name]["reason"]
    assert found.startswith(reason) if reason else found == ""


def test_claims_without_a_model_have_model_null(ran: Ran) -> None:
    assert ran.entries["audit.table"]["model"] is None
    assert ran.entries["audit.study"]["model"] is None


def test_a_skip_by_hand_is_told_in_the_report(ran: Ran) -> None:
    entry = ran.entries["skipped.by-hand"]
    assert (entry["verdict"], entry["reason"]) == ("not-applicable", "its test was skipped: not today")


def test_the_table_says_what_is_not_specific(ran: Ran) -> None:
    table = ran.out.partition("= verdicts =")[2]
    row = table.partition("order.no-news ")[2].splitlines()
    assert "supported" in row[0]
    assert any("not specific" in line for line in row[1:4])
    assert ran.entries["order.no-news"]["specific"] is False
    assert len(ran.entries["order.no-news"]["detail"]["control_copies"]) == 3


def test_fail_inconclusive_fails_what_is_inconclusive(make: Make) -> None:
    project = make()
    assert project.run("-k", "test_near", "--model", "gpt2").code == 0
    ran = project.run("-k", "test_near", "--model", "gpt2", "--fail-inconclusive")
    assert ran.code == 1
    assert {entry["outcome"] for entry in ran.entries.values()} == {"failed"}
    assert {entry["verdict"] for entry in ran.entries.values()} == {"inconclusive"}


def test_judge_without_a_claim_is_refused(make: Make) -> None:
    ran = make("def test_x(judge):\n    judge(1)\n").run()
    assert ran.code == 1
    assert "test_x uses judge but declares no claim" in ran.out
    assert ran.document is None


DODGING = """
from stubs import HIGH, LOW, NotApplicable, declare, pytest

@declare("a.skipped")
def test_skipped(judge):
    pytest.skip("no time")

@declare("a.marked")
@pytest.mark.skip(reason="not today")
def test_marked(judge):
    judge(LOW, control=HIGH)

@declare("a.refuted-then-skipped")
def test_refuted_then_skipped(judge):
    judge(LOW, control=HIGH)
    pytest.skip("not liked")

@declare("a.refuted-then-not-applicable")
def test_refuted_then_not_applicable(judge):
    judge(LOW, control=HIGH)
    raise NotApplicable("another model was meant")

@declare("a.refuted-then-expected")
def test_refuted_then_expected(judge):
    judge(LOW, control=HIGH)
    pytest.xfail("known")

@declare("a.broken-as-expected")
@pytest.mark.xfail
def test_broken_as_expected(judge):
    raise ValueError("boom")
"""


def test_no_claim_leaves_the_report_by_the_back_door(make: Make) -> None:
    ran = make(DODGING).run("--model", "gpt2")
    found = {name: (entry["outcome"], entry["verdict"], entry["reason"]) for name, entry in ran.entries.items()}
    both = "its test gave a verdict and then said: {}; judge, or say why not, not both"
    assert found == {
        "a.skipped": ("skipped", "not-applicable", "its test was skipped: no time"),
        "a.marked": ("skipped", "not-applicable", "its test was skipped: not today"),
        "a.refuted-then-skipped": ("error", None, both.format("its test was skipped: not liked")),
        "a.refuted-then-not-applicable": ("error", None, both.format("another model was meant")),
        "a.refuted-then-expected": ("error", None, found["a.refuted-then-expected"][2]),
        "a.broken-as-expected": ("error", None, found["a.broken-as-expected"][2]),
    }
    assert "boom" in found["a.broken-as-expected"][2]
    assert "known" in found["a.refuted-then-expected"][2]
    assert ran.code == 1
    assert ran.document is not None
    assert ran.document["summary"]["failed"] == 4


def test_naming_one_test_of_a_file_does_not_make_it_firm(make: Make) -> None:
    source = """
from stubs import LOW, NEAR, Estimate, declare

WEAK = Estimate(0.1, 0.018, 0.182, "t", 20)

@declare("a.weak")
def test_weak(study, judge):
    judge(WEAK, control=LOW)
"""
    others = "".join(
        f"@declare('a.null{n}')\ndef test_null{n}(study, judge):\n    judge(NEAR, control=LOW)\n" for n in range(4)
    )
    alone = make(source).run("--model", "gpt2").entries["a.weak"]
    named = make(source + others).run("--model", "gpt2", "test_it.py::test_weak").entries["a.weak"]
    assert (alone["strength"], named["strength"]) == ("firm", "nominal")
