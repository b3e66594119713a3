"""Fits without one run, correlations of few runs, comparisons of two trainings."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from printed_tables import planted, with_rows
from scipy import stats

from semphase.science.audit import cvfp_comparisons, cvfp_leaning
from semphase.science.audit.cvfp_leaning import correlation, far_end, left_out
from semphase.science.audit.published import load
from semphase.science.audit.rounding import around

N = np.array([56_602.0, 110_516.0, 216_119.0, 529_173.0])


def test_each_size_is_left_out_once():
    ppl = np.array([1500.0, 1000.0, 760.0, 540.0])
    expected = [stats.linregress(np.delete(np.log(N), i), np.delete(np.log(ppl), i)).slope for i in range(4)]
    np.testing.assert_allclose(left_out(N, around(ppl, 0.05)).value, expected)


@pytest.mark.parametrize(("alpha", "held"), [(-0.459, True), (-0.51, False)])
def test_what_doubling_saves_without_the_last_run(alpha, held):
    # The last run lies off the law of the others, and must not matter.
    ppl = 2e5 * N**alpha * np.array([1, 1, 1, 1.2])
    found = cvfp_leaning.saved_without_last(planted(load("004"), "sizes", "ppl", ppl))
    assert float(found.number.value) == pytest.approx(100 * (1 - 2**alpha))
    assert (found.number.low >= 25.5 and found.number.high <= 28.5) == held


def test_the_steepest_of_every_three_sizes_is_found():
    document, x = load("003"), np.log(load("003")["runs"]["text_tokens"].value)
    steep = np.array([name == "1L_768d_1tok" for name in document["runs"].names("config")])
    right = planted(document, "runs", "ppl", np.exp(12 - np.where(steep, 0.6, 0.5) * x))
    assert cvfp_leaning.steepest_of_three(right).estimate().value == 0
    wrong = planted(document, "runs", "ppl", np.exp(12 - np.where(steep, 0.4, 0.5) * x))
    assert cvfp_leaning.steepest_of_three(wrong).estimate().value == 4


@given(st.integers(0, 2**32 - 1), st.integers(4, 12))
def test_correlation_and_its_interval_are_those_of_scipy(seed, n):
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(2, n))
    found = correlation(around(a, 1e-3), around(b, 1e-3))
    behind = stats.pearsonr(a + rng.uniform(-1e-3, 1e-3, n), b)
    assert found.low <= behind.statistic <= found.high
    exact = stats.pearsonr(a, b)
    interval = exact.confidence_interval()
    end = far_end(correlation(around(a, 0.0), around(b, 0.0)), n)
    assert float(end.value) == pytest.approx(max(abs(interval.low), abs(interval.high)))


def test_many_runs_can_show_that_nothing_correlates_and_four_cannot():
    wave = np.array([0.0, 1.0, 0.0, -1.0])
    for repeats, shown in ((1, False), (20, True)):
        rank = around(np.tile(wave, repeats), 0.0)
        ppl = around(np.tile(np.roll(wave, 1), repeats), 0.0)
        assert float(correlation(rank, ppl).value) == pytest.approx(0)
        assert bool(far_end(correlation(rank, ppl), 4 * repeats).high <= 0.5) == shown


def test_rows_that_differ_in_width_alone_agree():
    document = load("003")
    assert {told["figure"] for told in cvfp_comparisons.width_alone(document).detail()["disagreements"]} == {
        "layers of 1L_768d_2tok and shallow_wide"
    }
    assert cvfp_comparisons.width_alone(with_rows(document, "shallow-wide", "layers", {2: 1})).estimate().value == 0
    three = with_rows(document, "shallow-wide", "tokens", {2: 3})
    assert len(cvfp_comparisons.width_alone(three).detail()["disagreements"]) == 2


@pytest.mark.parametrize(("ppl", "wrong"), [(194.7, 0), (194.5, 1)])
def test_the_wide_context_is_compared_at_the_same_depth(ppl, wrong):
    document = with_rows(load("003"), "shallow-wide", "best_ppl", {2: ppl})
    assert cvfp_comparisons.width_held(document).estimate().value == wrong


@pytest.mark.parametrize(("base", "largest"), [(334.0, 43.293), (236.75, 20.0)])
def test_the_largest_gain_is_that_of_the_best_network(base, largest):
    found = cvfp_comparisons.gain_without_the_input(with_rows(load("004"), "token-input", "ppl", {0: base}))
    assert float(found.number.value) == pytest.approx(largest, abs=1e-3)
    same = found.detail()["largest at the same tokens, by the α of 004"]
    assert same == pytest.approx(100 - (100 - largest) * (587_970 / 529_173) ** 0.459, abs=2e-3)
