"""Losses under single zeroed heads, repeated: they are the run's own, and a slightly different model shows."""

from __future__ import annotations

import numpy as np
import pytest
from random_models import random_model
from sampled import require_another_output_shows

from semphase.science.heads.facet import Heads
from semphase.science.heads.samples import Samples
from semphase.stats.blocks import in_blocks


@pytest.fixture
def study(study_of, random_gpt2):
    return study_of(random_gpt2)


@pytest.fixture
def sample(study):
    (found,) = Samples(study).samples()
    return found


def test_a_head_of_the_first_the_middle_and_the_last_layer(study, sample):
    assert Samples(study).chosen == [0, 5, 11]
    assert sample.name == "losses of 1,008 tokens with one head zeroed, 3 heads"


def test_they_are_what_the_run_measured(study):
    own, ids = Samples(study), next(study.text.groups("choose"))
    measured = study.store.measuring.seconds
    swept = study.facet(Heads).single("zero", "choose")
    assert study.store.measuring.seconds > measured
    measured = study.store.measuring.seconds
    blocks = len(in_blocks(np.zeros((len(ids), ids.shape[1] - 1)))[1])
    found = own.measured(ids, len(ids))
    assert study.store.measuring.seconds == measured
    expected = swept.sums[[0, 5, 11], :blocks].sum(axis=-1) / swept.counts[:blocks].sum()
    assert found == pytest.approx(expected, rel=1e-12)


def test_the_same_model_gives_the_same_losses(sample, random_gpt2):
    assert sample.difference(random_gpt2) <= sample.allowed


def test_another_output_of_one_layer_shows(sample, tmp_path):
    require_another_output_shows(sample, tmp_path)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float64"])
def test_a_device_may_round_as_its_dtype_does(study_of, random_gpt2, tmp_path, dtype):
    (own,) = Samples(study_of(random_model("gpt2", tmp_path, dtype=dtype))).samples()
    assert 0 < own.difference(random_gpt2) <= own.allowed


@pytest.fixture
def screened(study_of, random_gpt2, monkeypatch):
    """A study of which a run has screened single heads."""
    monkeypatch.setattr("semphase.science.heads.screened.worth_screening", lambda _model: True)
    monkeypatch.setattr("semphase.science.heads.screened.fastest", lambda *_: "int8")
    own = study_of(random_gpt2)
    own.facet(Heads).single("zero", "choose")
    return study_of(random_gpt2)


def test_where_heads_were_screened_the_confirmed_ones_and_some_others_are_compared(screened, random_gpt2, tmp_path):
    own, ids = Samples(screened), next(screened.text.groups("choose"))
    found = screened.facet(Heads).screening.single("zero")
    assert set(own.chosen) <= set(found.confirmed)
    assert not set(own.rough) & set(found.confirmed)
    measured = screened.store.measuring.seconds
    blocks = len(in_blocks(np.zeros((len(ids), ids.shape[1] - 1)))[1])
    expected = found.losses.sums[own.chosen, :blocks].sum(axis=-1) / found.losses.counts[:blocks].sum()
    assert own.measured(ids, len(ids)) == pytest.approx(expected, rel=1e-12)
    assert screened.store.measuring.seconds == measured
    exact, rough = own.samples()
    assert exact.name == "losses of 1,008 tokens with one head zeroed, 3 heads"
    assert rough.name == "effects of 3 heads screened in int8 on 1,008 tokens (zero)"
    require_another_output_shows(exact, tmp_path)
    assert 0 < rough.difference(random_gpt2) < 0.1 * rough.allowed


def test_screening_that_is_plainly_wrong_fails_its_sample(screened, random_gpt2, monkeypatch):
    own = Samples(screened)
    spread = np.ptp(own.screened.losses.mean)
    own.screened.losses.sums[own.rough] += spread * own.screened.losses.counts
    _, rough = own.samples()
    assert rough.difference(random_gpt2) > rough.allowed


def test_a_run_that_screened_other_changes_has_those_repeated(study_of, random_gpt2, monkeypatch):
    monkeypatch.setattr("semphase.science.heads.screened.worth_screening", lambda _model: True)
    monkeypatch.setattr("semphase.science.heads.screened.fastest", lambda *_: "tf32+float16")
    study_of(random_gpt2).facet(Heads).single("relu", "choose")
    exact, rough = Samples(study_of(random_gpt2)).samples()
    assert exact.name.endswith("with one head changed (relu), 3 heads")
    assert exact.difference(random_gpt2) <= exact.allowed
    assert rough.difference(random_gpt2) <= rough.allowed == 0.1


def test_what_nobody_screened_is_not_screened_to_be_compared(study_of, random_gpt2, monkeypatch):
    monkeypatch.setattr("semphase.science.heads.screened.worth_screening", lambda _model: True)
    monkeypatch.setattr("semphase.science.heads.screened.fastest", lambda *_: "int8")
    (only,) = Samples(study_of(random_gpt2)).samples()
    assert only.difference(random_gpt2) <= only.allowed
