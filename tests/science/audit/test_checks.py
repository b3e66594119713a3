"""Each check of figures against others catches a planted error and passes a corrected table."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from semphase.science.audit import cvfp_comparisons, cvfp_findings, cvfp_prose, exp3, exp6, exp6_between, exp7
from semphase.science.audit import cvfp_tables as cvfp
from semphase.science.audit.agreement import Comparison
from semphase.science.audit.figures import audit_deviations
from semphase.science.audit.printed import Document, Table
from semphase.science.audit.published import load
from semphase.science.audit.rounding import Interval, interval


def edited(document: Document, table: str, column: str, row: int, value: float) -> Document:
    """The document with one figure replaced, its rounding kept."""
    own = document[table]
    old = own[column]
    shift = np.where(np.arange(len(old)) == row, value - old.value, 0.0)
    figures = {**own.figures, column: old + shift}
    return replace(document, tables={**document.tables, table: replace(own, figures=figures)})


@pytest.mark.parametrize(
    ("check", "number", "table", "column", "row", "wrong", "figure"),
    [
        (cvfp.averages, "003", "alpha-by-layers", "mean", 1, -0.495, "mean alpha, 2 layers"),
        (cvfp.gaps, "003", "gaps", "gap", 3, 1.93, "3L_768d_3tok"),
        (cvfp.repeats, "003", "summary", "best_ppl", 0, 197.2, "best_ppl of 1L_768d_1tok"),
        (cvfp.repeats, "003", "rank-map", "tokens2", 2, 84.9, "rank-map, 3 layers, 2 tokens"),
        (exp6.ratios, "001", "components", "ratio", 2, 4.6, "ratio at K=100"),
        (exp7.ratios, "002", "inference", "shared_ratio", 4, 321.0, "shared ratio at K=128"),
        (exp7.shares, "002", "parts", "ratio", 5, 0.54, "attention / MLP, layer 5"),
        (exp6.likelihood_ratio, "001", "pi-width", "p", 1, 0.445, "p, medium"),
        (exp3.profile, "000", "peaks", "drop", 0, 0.255, "drop, small"),
        (exp3.statistics, "000", "fits-medium", "aic", 2, -127.7, "AIC of power less the first"),
        (cvfp_findings.scaling, "004", "scaling", "figure", 0, -0.469, "α"),
        (cvfp_findings.gains, "004", "token-input-gains", "figure", 1, 28.0, "accuracy up by percent"),
        (cvfp_findings.parallel_errors, "004", "positions", "mse", 2, 0.0063, "MSE, last 100"),
        (cvfp_findings.repeats, "004", "sizes", "accuracy", 2, 16.7, "accuracy at 200"),
    ],
)
def test_a_planted_error_is_caught_and_named(check, number, table, column, row, wrong, figure):
    before = {told["figure"] for told in check(load(number)).detail()["disagreements"]}
    after = {
        told["figure"] for told in check(edited(load(number), table, column, row, wrong)).detail()["disagreements"]
    }
    assert figure not in before
    assert figure in after


@pytest.mark.parametrize(
    ("check", "number", "table", "column", "row", "right", "figure"),
    [
        (cvfp_findings.rank_range, "004", "rank-range", "figure", 1, 8.6, "highest rank in percent"),
        (exp6.remaining_variance, "001", "components-prose", "figure", 3, 0.9, "remaining variance in percent"),
        (exp7.norm_range, "002", "shared-prose", "figure", 4, 18.0, "smallest middle norm"),
        (exp7.middle_ranges, "002", "parts-prose", "figure", 1, 0.63, "largest ratio"),
        (cvfp_prose.token_counts, "003", "runs", "text_tokens", 0, 56602.0, "tokens of 50 documents"),
    ],
)
def test_a_corrected_figure_is_no_disagreement(check, number, table, column, row, right, figure):
    def wrong(document: Document) -> set[str]:
        return {told["figure"] for told in check(document).detail()["disagreements"]}

    assert figure in wrong(load(number))
    assert figure not in wrong(edited(load(number), table, column, row, right))


def test_a_summary_that_follows_from_the_runs_has_no_deviation():
    document = load("003")
    laws = [cvfp.laws(document["runs"])[name] for name in document["summary"].names("config")]
    exact = {
        name: interval(np.array([float(getattr(law, name).value) for law in laws])) for name in ("alpha", "a", "r2")
    }
    summary = replace(document["summary"], figures={**document["summary"].figures, **exact})
    found = cvfp.exponents(replace(document, tables={**document.tables, "summary": summary}))
    # Quotients of equal floats differ from 1 by a rounding at most.
    assert all(own.estimate().value < 1e-15 for own in found.values())


def test_labels_that_name_the_extreme_rows_are_not_contradicted():
    document = load("003")
    labels = document["labels"]
    right = ("1L_768d_3tok", "3L_768d_2tok", "3L_768d_3tok")
    mended = replace(labels, text={**labels.text, "config": right})
    assert cvfp.best_labels(document).estimate().value > 0
    assert cvfp.best_labels(replace(document, tables={**document.tables, "labels": mended})).estimate().value == 0


def test_sorted_components_have_no_rise():
    ks = np.array([10.0, 40.0, 100.0, 140.0, 144.0])
    shares = np.array([40.0, 75.0, 93.0, 99.5, 100.0])

    def rise(variance: np.ndarray) -> Interval:
        table = Table("components", "planted", {"k": interval(ks), "variance": interval(variance)}, {})
        document = replace(load("001"), tables={**load("001").tables, "components": table})
        return exp6.rising_variance(document).number

    # The last range has three components: 0.5 % of the variance is 0.1667 each, after 0.1625 each.
    assert float(rise(shares).value) == pytest.approx(0.5 / 3 - 6.5 / 40)
    assert float(rise(shares + np.array([0, 0, 0, 0.1, 0])).value) < 0


COMPARED = [
    ("000", exp3.statistics),
    ("000", exp3.profile),
    ("000", exp3.diffusion),
    ("001", exp6.ratios),
    ("001", exp6.remaining_variance),
    ("001", exp6.added_variance),
    ("001", exp6.likelihood_ratio),
    ("001", exp6.pi_constants),
    ("001", exp6_between.one_baseline),
    ("002", exp7.ratios),
    ("002", exp7.shares),
    ("002", exp7.norm_range),
    ("002", exp7.middle_ranges),
    ("002", exp7.ratio_at_512),
    ("003", cvfp.averages),
    ("003", cvfp.repeats),
    ("003", cvfp.gaps),
    ("003", cvfp_prose.token_counts),
    ("003", cvfp_comparisons.width_alone),
    ("004", cvfp_findings.gains),
    ("004", cvfp_findings.scaling),
    ("004", cvfp_findings.parallel_errors),
    ("004", cvfp_findings.rank_range),
    ("004", cvfp_findings.repeats),
]


@pytest.mark.parametrize(("number", "check"), COMPARED, ids=[check.__name__ for _, check in COMPARED])
def test_every_compared_figure_is_drawn(number, check):
    comparison = check(load(number))
    assert isinstance(comparison, Comparison)
    (axis,) = audit_deviations(comparison.detail()).axes
    (points,) = axis.collections
    assert len(points.get_offsets()) == len(comparison.names)
    right = points.get_offsets()[:, 0] > 1
    assert right.sum() == len(comparison.detail()["disagreements"])
