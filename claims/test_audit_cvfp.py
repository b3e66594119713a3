"""Do the tables and the prose of the context-vector model agree?

No model is needed: each claim recomputes printed figures from others and propagates the rounding of all of them.
"""
# ruff: noqa: ARG001 - the study of an audit is empty, but the report knows the claim by it

from __future__ import annotations

from semphase import (
    JointStudy,
    Judge,
    above,
)
from semphase.science.audit import cvfp_findings, cvfp_prose
from semphase.science.audit import cvfp_tables as cvfp
from semphase.science.audit.declare import figures_agree, quantity, sentences_hold
from semphase.science.audit.evidence import audited
from semphase.science.audit.published import load


@sentences_hold(
    "audit.cvfp-quarter",
    statement="one layer with two tokens has at most a quarter of the parameters of three layers with three, by the "
    "published counts",
    source="003",
    criterion="the printed counts have a ratio of at most 0.25 in either phase",
)
def test_cvfp_quarter(study: JointStudy, judge: Judge) -> None:
    judge(**audited(cvfp.quarter, load("003"), ("parameters", "phase1")))


@figures_agree(
    "audit.cvfp-repeats",
    statement="heat maps, boxes and best columns repeat the tables of results",
    source="003",
)
def test_cvfp_repeats(study: JointStudy, judge: Judge) -> None:
    judge(**audited(cvfp.repeats, load("003"), ("summary", "best_ppl")))


@figures_agree(
    "audit.cvfp-gaps",
    statement="the gap column is validation over training PPL",
    source="003",
)
def test_cvfp_gaps(study: JointStudy, judge: Judge) -> None:
    judge(**audited(cvfp.gaps, load("003"), ("gaps", "ppl")))


@sentences_hold(
    "audit.cvfp-mean-labels",
    statement="the labels of the averages name the right rows",
    source="003",
    criterion='"steepest", "middle", "smallest" and "largest" hold of the printed means',
)
def test_cvfp_mean_labels(study: JointStudy, judge: Judge) -> None:
    judge(**audited(cvfp.mean_labels, load("003"), ("alpha-by-layers", "mean")))


@sentences_hold(
    "audit.cvfp-fastest-depth",
    statement="two layers converge fastest",
    source="003",
    criterion="two layers take the fewest phase-1 iterations over the four sizes at each number of tokens",
)
def test_cvfp_fastest_depth(study: JointStudy, judge: Judge) -> None:
    judge(**audited(cvfp_prose.fastest_depth, load("003"), ("runs", "iterations")))


@sentences_hold(
    "audit.cvfp-iterations",
    statement="two and three layers converge in 6 to 17 iterations, sooner with more tokens",
    source="003",
    criterion="the extremes are 6 and 17, and no run takes more iterations than the same run with a token less",
)
def test_cvfp_iterations(study: JointStudy, judge: Judge) -> None:
    judge(**audited(cvfp_prose.iterations, load("003"), ("runs", "iterations")))


@sentences_hold(
    "audit.cvfp-train-ppl",
    statement="two and three tokens have consistently lower training PPL than one",
    source="003",
    criterion="with 500 documents, at each depth",
)
def test_cvfp_train_ppl(study: JointStudy, judge: Judge) -> None:
    judge(**audited(cvfp_prose.train_ppl, load("003"), ("runs", "train_ppl")))


@quantity(
    "audit.cvfp-third-token",
    statement="a third token improves PPL a little",
    source="003",
    criterion="mean best PPL over depths is lower with three tokens than with two",
    parts=above(0, "gain"),
    estimator="mean best PPL with two tokens less that with three",
)
def test_cvfp_third_token(study: JointStudy, judge: Judge) -> None:
    judge(**audited(cvfp_prose.third_token_gain, load("003"), ("summary", "best_ppl")))


@sentences_hold(
    "audit.cvfp-few-data",
    statement="two layers with two tokens are best with few data, having a low A",
    source="003",
    criterion="lowest PPL with 50 documents and lowest A of the nine",
)
def test_cvfp_few_data(study: JointStudy, judge: Judge) -> None:
    judge(**audited(cvfp_prose.few_data, load("003"), ("runs", "ppl")))


@quantity(
    "audit.cvfp-a-is-few-data",
    statement="a larger A means worse PPL with few data",
    source="003",
    criterion="A and PPL with 50 documents order more than three quarters of the pairs of configurations alike",
    parts=above(0.75, "share of pairs"),
    estimator="share of the 36 pairs in which the larger A has the larger PPL",
)
def test_cvfp_a_is_few_data(study: JointStudy, judge: Judge) -> None:
    judge(**audited(cvfp_prose.factor_orders_few_data, load("003"), ("summary", "a")))


@sentences_hold(
    "audit.cvfp-large-data",
    statement="one layer with one token is best for large data, being steepest",
    source="003",
    criterion="steepest of nine from 200 to 500 documents, and lowest PPL with 500",
)
def test_cvfp_large_data(study: JointStudy, judge: Judge) -> None:
    judge(**audited(cvfp_prose.large_data, load("003"), ("runs", "ppl")))


@sentences_hold(
    "audit.cvfp-formula-prose",
    statement="one or three layers and two tokens are steeper by the formula of α",
    source="003",
    criterion="the formula gives a smaller α at 1 and 3 layers than at 2, and the smallest at 2 tokens, as the "
    "printed means do",
)
def test_cvfp_formula_prose(study: JointStudy, judge: Judge) -> None:
    judge(**audited(cvfp_prose.formula_prose, load("003"), ("alpha-by-tokens", "mean")))


@figures_agree(
    "audit.cvfp-token-counts",
    statement="003 and 004 count the tokens of the same numbers of documents alike",
    source="003 and 004",
)
def test_cvfp_token_counts(study: JointStudy, judge: Judge) -> None:
    judge(**audited(cvfp_prose.token_counts, load("003"), ("runs", "text_tokens")))


@figures_agree(
    "audit.cvfp-rank-range",
    statement="the effective rank of 004 lies between 7.8 and 9.0 %",
    source="004",
    criterion="within rounding of the lowest and the highest of the table",
)
def test_cvfp_rank_range(study: JointStudy, judge: Judge) -> None:
    judge(**audited(cvfp_findings.rank_range, load("004"), ("rank-range", "figure")))


@figures_agree(
    "audit.cvfp-token-input-gains",
    statement="the token in every layer improves PPL by 38 % and accuracy by 23 %",
    source="004",
)
def test_cvfp_token_input_gains(study: JointStudy, judge: Judge) -> None:
    judge(**audited(cvfp_findings.gains, load("004"), ("token-input-gains", "figure")))


@figures_agree(
    "audit.cvfp-data-scaling",
    statement="α, R² and the reduction at doubled data of 004 follow from its four runs",
    source="004",
)
def test_cvfp_data_scaling(study: JointStudy, judge: Judge) -> None:
    judge(**audited(cvfp_findings.scaling, load("004"), ("scaling", "figure")))


@figures_agree(
    "audit.cvfp-parallel-errors",
    statement="MSE and cosine of parallel contexts belong together",
    source="004",
    criterion="within rounding of MSE = 2 (1 − cosine), which holds for vectors of mean square 1",
)
def test_cvfp_parallel_errors(study: JointStudy, judge: Judge) -> None:
    judge(**audited(cvfp_findings.parallel_errors, load("004"), ("positions", "cosine")))


@figures_agree(
    "audit.cvfp-findings-repeat",
    statement="the sections of 004 repeat each other",
    source="004",
)
def test_cvfp_findings_repeat(study: JointStudy, judge: Judge) -> None:
    judge(**audited(cvfp_findings.repeats, load("004"), ("sizes", "ppl")))
