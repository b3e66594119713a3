"""The packaged figures are whole: counts, names and nominal values that tables must share by their design."""

from __future__ import annotations

import numpy as np
import pytest

from semphase.science.audit.cvfp_tables import by_configuration
from semphase.science.audit.published import load


def test_there_are_nine_configurations_of_four_sizes():
    runs, summary = load("003")["runs"], load("003")["summary"]
    rows = by_configuration(runs)
    assert list(rows) == list(summary.names("config"))
    assert all(runs["documents"].value[own].tolist() == [50, 100, 200, 500] for own in rows.values())
    assert all(np.all(np.diff(runs["ppl"].value[own]) < 0) for own in rows.values())


@pytest.mark.parametrize("table", ["runs", "summary", "parameters"])
def test_names_say_layers_and_tokens(table):
    own = load("003")[table]
    shapes = zip(own.ints("layers"), own.ints("tokens"), strict=True)
    assert list(own.names("config")) == [f"{layers}L_768d_{tokens}tok" for layers, tokens in shapes]


def test_all_configurations_read_the_same_tokens():
    runs = load("003")["runs"]
    assert all(
        len(set(runs["text_tokens"].value[runs["documents"].value == size])) == 1 for size in (50, 100, 200, 500)
    )


def test_only_the_runs_at_the_limit_did_not_converge():
    runs = load("003")["runs"]
    np.testing.assert_array_equal(runs["converged"].value == 0, runs["iterations"].value == 40)


@pytest.mark.parametrize("name", ["norms", "components", "parts"])
def test_exp7_has_twelve_layers(name):
    assert load("002")[name].ints("layer") == list(range(12))


def test_components_rise_with_the_share_of_variance():
    table = load("002")["components"]
    needed = np.stack([table[name].value for name in ("k50", "k80", "k90", "k95")])
    assert np.all(np.diff(needed, axis=0) >= 0)


@pytest.mark.parametrize("name", ["fits-small", "fits-medium", "truncated-small", "truncated-medium"])
def test_fits_are_five_families_ranked(name):
    table = load("000")[name]
    assert table.ints("rank") == [1, 2, 3, 4, 5]
    assert set(table.names("family")) == {"erf", "log", "exponential", "sigmoid", "power"}
