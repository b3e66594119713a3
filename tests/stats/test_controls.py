"""Shuffled labels: a permutation, within clusters where there are some, and never of what cannot change."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from semphase.errors import SemphaseError
from semphase.stats.controls import shuffled

LABELS = st.lists(st.integers(0, 3), min_size=2, max_size=30)


@given(LABELS, st.integers(0, 2**32 - 1))
def test_shuffled_labels_are_the_same_in_another_order(labels, seed):
    assume(len(set(labels)) > 1)
    made = shuffled(labels, seed=seed)
    assert sorted(made) == sorted(labels)
    assert (made == shuffled(labels, seed=seed)).all()


@given(st.integers(0, 2**32 - 1))
def test_labels_stay_within_their_cluster(seed):
    clusters = np.tile(["a", "b", "c"], 8)
    labels = np.random.default_rng(seed).permutation(24)
    made = shuffled(labels, seed=seed, clusters=clusters)
    for cluster in "abc":
        assert sorted(made[clusters == cluster]) == sorted(labels[clusters == cluster])


def test_every_order_is_equally_likely():
    firsts = [shuffled(["a", "b", "c"], seed=seed)[0] for seed in range(600)]
    # χ² with 2 degrees of freedom exceeds 13.8 with p = 0.001.
    assert sum((firsts.count(name) - 200) ** 2 / 200 for name in "abc") < 13.8


@pytest.mark.parametrize(
    ("labels", "clusters", "sentence"),
    [
        (["a", "a"], None, "labels are all the same"),
        ([], None, "labels are all the same"),
        (["a", "b"], [0, 1], "the same within each cluster"),
        (["a", "b"], [0], "one cluster for each of 2 labels"),
        ([["a"], ["b"]], None, "one label for each unit"),
    ],
)
def test_what_cannot_be_shuffled_is_refused(labels, clusters, sentence):
    with pytest.raises(SemphaseError, match=sentence):
        shuffled(labels, clusters=clusters)
