"""Do the published tables agree with themselves? The figures on which the most rests.

No model is needed: each claim recomputes printed figures from others and propagates the rounding of all of them.
"""
# ruff: noqa: ARG001 - the study of an audit is empty, but the report knows the claim by it

from __future__ import annotations

from semphase import (
    JointStudy,
    Judge,
    above,
    at_most,
    below,
    between,
)
from semphase.science.audit import cvfp_tables as cvfp
from semphase.science.audit import exp3, exp6, exp7
from semphase.science.audit.declare import figures_agree, quantity, sentences_hold
from semphase.science.audit.evidence import audited
from semphase.science.audit.published import load


@quantity(
    "audit.cvfp-exponents",
    statement="the nine α, A and R² follow from the 36 published runs",
    source="003",
    criterion="refit within 2 % (α), 10 % (A), 0.005 (R²)",
    parts=(at_most(0.02, "α"), at_most(0.10, "A"), at_most(0.005, "R²")),
    estimator="largest deviation of the nine from least squares of log PPL on log tokens",
)
def test_cvfp_exponents(study: JointStudy, judge: Judge) -> None:
    judge(**audited(cvfp.exponents, load("003"), ("summary", "alpha")))


@quantity(
    "audit.cvfp-formula-alpha",
    statement="α ≈ −0.51 + 0.02(layers−2)² − 0.01(tokens−2)² describes the nine exponents",
    source="003",
    criterion="explains > 50 % of the variance of the nine α",
    parts=above(0.5, "share explained"),
    estimator="1 − Σ(α − formula)² / Σ(α − mean)²",
)
def test_cvfp_formula_alpha(study: JointStudy, judge: Judge) -> None:
    judge(**audited(cvfp.alpha_formula, load("003"), ("summary", "alpha")))


@quantity(
    "audit.cvfp-formula-a",
    statement="A ≈ 1.7×10⁵(1 + 0.15·abs(layers−2)) describes the nine factors",
    source="003",
    criterion="explains > 50 % of the variance of the nine A",
    parts=above(0.5, "share explained"),
    estimator="1 − Σ(A − formula)² / Σ(A − mean)²",
)
def test_cvfp_formula_a(study: JointStudy, judge: Judge) -> None:
    judge(**audited(cvfp.a_formula, load("003"), ("summary", "a")))


@figures_agree(
    "audit.cvfp-averages",
    statement="the published averages of α and A by layers and by tokens are right",
    source="003",
)
def test_cvfp_averages(study: JointStudy, judge: Judge) -> None:
    judge(**audited(cvfp.averages, load("003"), ("summary", "alpha")))


@sentences_hold(
    "audit.cvfp-best-labels",
    statement='"best expressive power", "best generalisation" and "fastest" name the right configurations',
    source="003",
    criterion="each label names the extreme row of its table: lowest training PPL, lowest gap, fewest phase-1 "
    "iterations",
)
def test_cvfp_best_labels(study: JointStudy, judge: Judge) -> None:
    judge(**audited(cvfp.best_labels, load("003"), ("gaps", "train_ppl")))


@quantity(
    "audit.cvfp-parameters",
    statement="one layer with two tokens has less than a quarter of the parameters of three layers with three, and "
    "the published counts follow from the architecture",
    source="003",
    criterion="recount from the architecture, ratio < 0.25; the printed counts within rounding of the recount",
    parts=(below(0.25, "recounted share"), at_most(1, "printed counts")),
    estimator="both phases counted from the architecture, the smaller over the larger; largest distance of a "
    "printed count over its rounding allowance",
)
def test_cvfp_parameters(study: JointStudy, judge: Judge) -> None:
    judge(**audited(cvfp.parameters, load("003"), ("parameters", "phase1")))


@figures_agree(
    "audit.exp3-statistics",
    statement="AIC, BIC, D and the ranking of exp3 follow from R², n and k",
    source="000 exp3F",
    criterion="within rounding: differences of AIC within a table, BIC − AIC, ranks by AIC, D = σ²/2",
)
def test_exp3_statistics(study: JointStudy, judge: Judge) -> None:
    judge(**audited(exp3.statistics, load("000"), ("fits-small", "r2")))


@figures_agree(
    "audit.exp6-ratios",
    statement="the PPL ratios of exp6 follow from the PPLs and the baseline",
    source="001 exp6",
)
def test_exp6_ratios(study: JointStudy, judge: Judge) -> None:
    judge(**audited(exp6.ratios, load("001"), ("components", "ratio")))


@figures_agree(
    "audit.exp7-ratios",
    statement="the PPL ratios of exp7 follow from the PPLs and the baseline",
    source="002 exp7",
)
def test_exp7_ratios(study: JointStudy, judge: Judge) -> None:
    judge(**audited(exp7.ratios, load("002"), ("inference", "shared_ratio")))


@quantity(
    "audit.exp7-summary",
    statement='the prose "K > 80 in all layers but two" and "about half" matches the tables of exp7',
    source="002 exp7",
    criterion="K(90 %) > 80 in every layer but 2 and 11; the mean of attention / MLP over the middle layers (3–8) "
    "rounds to 0.5",
    parts=(at_most(0, "layers against K > 80"), between(0.45, 0.55, "attention over MLP")),
    estimator="layers of the table at 80 or below; mean ratio of the table",
)
def test_exp7_summary(study: JointStudy, judge: Judge) -> None:
    judge(**audited(exp7.summary, load("002"), ("components", "k90")))


@figures_agree(
    "audit.exp8-lrt",
    statement="χ² and p of σ = 1/√π follow from the published widths and fits",
    source="001 exp8",
    criterion="within rounding, for any curve that has the published width and AIC of the free fit",
)
def test_exp8_lrt(study: JointStudy, judge: Judge) -> None:
    judge(**audited(exp6.likelihood_ratio, load("001"), ("pi-width", "p")))
