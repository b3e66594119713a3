"""Log-probabilities of answers, repeated: they are the run's own, and a slightly different model shows."""

from __future__ import annotations

import pytest
from sampled import require_another_output_shows

from semphase.errors import NotApplicable
from semphase.science.recovery.answering import Task
from semphase.science.recovery.facet import Recovery
from semphase.science.recovery.samples import ITEMS, Samples
from semphase.science.recovery.tasks import Item, as_prompts

ITEM = (Item("kate took the card to", " the bank by the", "shore"), Item("leo found", " the shelf and the", "bank"))


@pytest.fixture
def study(study_of, random_gpt2, monkeypatch):
    items = ITEM * ITEMS
    monkeypatch.setattr(Recovery, "tasks", (Task("own", "only", as_prompts("recovery/own", items), " and\n", 2),))
    return study_of(random_gpt2)


def test_the_run_s_own_answers_are_compared_with_the_reference_model(study, tmp_path):
    (sample,) = Samples(study).samples()
    study.facet(Recovery).rounds(rounds=1)
    measured = study.store.measuring.seconds
    assert sample.name == "log p of the answers to 16 items of own"
    require_another_output_shows(sample, tmp_path)
    assert study.store.measuring.seconds == measured


def test_a_model_that_no_task_suits_has_no_sample(study_of, random_gpt2, monkeypatch):
    def refuse(_recovery):
        raise NotApplicable("no task suits it")

    for tasks in (property(refuse), ()):
        monkeypatch.setattr(Recovery, "tasks", tasks)
        assert not list(Samples(study_of(random_gpt2)).samples())
