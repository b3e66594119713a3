"""Do notes, superlatives and single figures of the documents agree with their tables and with each other?

No model is needed: each claim recomputes printed figures from others and propagates the rounding of all of them.
"""
# ruff: noqa: ARG001 - the study of an audit is empty, but the report knows the claim by it

from __future__ import annotations

from semphase import (
    JointStudy,
    Judge,
    at_most,
    below,
)
from semphase.science.audit import cvfp_notes, exp2, exp3_residuals, exp6_between, rotation
from semphase.science.audit.declare import figures_agree, quantity, sentences_hold
from semphase.science.audit.evidence import audited
from semphase.science.audit.published import load
from semphase.science.audit.rounding import around


@sentences_hold(
    "audit.cvfp-alpha-map-notes",
    statement="the notes beside the heat map of α name the steepest cells",
    source="003",
    criterion="one layer is steepest at one token, three layers with three tokens of all nine",
)
def test_cvfp_alpha_map_notes(study: JointStudy, judge: Judge) -> None:
    judge(**audited(cvfp_notes.alpha_map_notes, load("003"), ("alpha-map", "tokens1")))


@sentences_hold(
    "audit.cvfp-rank-map-notes",
    statement="effective rank rises with the tokens, is highest with two layers and lowest with one layer and token",
    source="003",
    criterion="in the heat map: never less with a token more, two layers highest at each number of tokens, 1L_1tok lowest",
)
def test_cvfp_rank_map_notes(study: JointStudy, judge: Judge) -> None:
    judge(**audited(cvfp_notes.rank_map_notes, load("003"), ("rank-map", "tokens1")))


@sentences_hold(
    "audit.cvfp-superlatives",
    statement="the boxes name the steepest, the second steepest, the best PPL and accuracy and the largest A",
    source="003",
    criterion="each is the extreme row of the table of results",
)
def test_cvfp_superlatives(study: JointStudy, judge: Judge) -> None:
    judge(**audited(cvfp_notes.superlatives, load("003"), ("summary", "alpha")))


@sentences_hold(
    "audit.cvfp-depth-unneeded",
    statement="depth is not needed, since one layer reaches the steepest exponent",
    source="003",
    criterion="one layer has the steepest α of the three depths at each number of tokens",
)
def test_cvfp_depth_unneeded(study: JointStudy, judge: Judge) -> None:
    judge(**audited(cvfp_notes.depth_unneeded, load("003"), ("summary", "alpha")))


@quantity(
    "audit.exp2-smallest-beta",
    statement="the critical exponents of exp2 reach down to 0.01",
    source="001 exp2",
    criterion="a curve with that exponent rises over the blocks: behind the first of twelve it has less than 0.9 of its end",
    parts=below(0.9, "share behind the first block"),
    estimator="(1/12)^β of the smallest β",
    control="the largest published β",
)
def test_exp2_smallest_beta(study: JointStudy, judge: Judge) -> None:
    found, largest = exp2.first_step(load("001")), exp2.first_step(load("001"), "largest β")
    judge(found.estimate(), control=largest.estimate(), detail=found.detail())


@quantity(
    "audit.exp2-collapse-scale",
    statement="rock, spring and bass respond linearly, their collapse variance being below 0.005",
    source="001 exp2",
    criterion="that variance is small beside the words' own scale: its root is at most a tenth of the largest f of each "
    "word, in the model of 000 that suits it better",
    parts=at_most(0.1, "root over largest f"),
    estimator="√0.005 over the larger f_max of the two models, the largest of the three words",
    control="the same with variances of a hundredth of that",
)
def test_exp2_collapse_scale(study: JointStudy, judge: Judge) -> None:
    found, small = (exp2.collapse_share(load("001"), scale) for scale in (1.0, 0.01))
    judge(found.estimate(), control=small.estimate(), detail=found.detail())


@sentences_hold(
    "audit.exp3-residuals",
    statement="residuals between words are small, RMSE < 0.08",
    source="000 exp3E",
    criterion="each RMSE is below 0.08, and the residuals can be those of curves about their own mean: no RMSE above the "
    "maximum, no word's RMSE or maximum above the sum of the others'",
)
def test_exp3_residuals(study: JointStudy, judge: Judge) -> None:
    judge(**audited(exp3_residuals.residuals, load("000"), ("words", "rmse")))


@figures_agree(
    "audit.exp6-one-baseline",
    statement="exp6 and exp7 compare with one baseline perplexity (ours)",
    source="001 exp6, 002 exp7",
    criterion="within rounding: every PPL of the unchanged model in 001 and 002 shares a number with the 29.79 of 001",
)
def test_exp6_one_baseline(study: JointStudy, judge: Judge) -> None:
    judge(**audited(exp6_between.one_baseline, load("001"), ("components", "ppl")))


@sentences_hold(
    "audit.exp6-ninety",
    statement="90 % of the variance of exp6 need 82 components",
    source="002",
    criterion="some concave curve through the cumulative variances of 001 reaches 90 % at 82 components and not at 81",
)
def test_exp6_ninety(study: JointStudy, judge: Judge) -> None:
    judge(**audited(exp6_between.ninety, load("001"), ("components", "variance")))


@sentences_hold(
    "audit.exp8-rotation-by-depth",
    statement="the number of blocks alone brings Θ near no multiple of π (ours)",
    source="001 exp8, exp9",
    criterion="at the mean angle that Θ/π = 1.58 over 12 blocks implies, none of 12, 24, 36 and 48 blocks has Θ within 0.1 "
    "of a multiple of π",
    control="the same with Θ/π = 2.00 over 12 blocks",
)
def test_exp8_rotation_by_depth(study: JointStudy, judge: Judge) -> None:
    found, whole = rotation.by_depth(load("001")), rotation.by_depth(load("001"), around(2.0, 0.005))
    detail = {**found.detail(), **rotation.read_against_depth(load("001"))}
    judge(found.estimate(), control=whole.estimate(), detail=detail)
