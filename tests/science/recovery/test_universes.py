"""Universes of recovery: other scores and other choices of the same texts, other samples, and one task less."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from semphase.errors import NotApplicable
from semphase.science.recovery.answering import Task, best_of, in_rounds
from semphase.science.recovery.calibration import Calibrated, Tried
from semphase.science.recovery.facet import Recovery, beside, without_the_hardest
from semphase.science.recovery.scoring import right, right_anywhere, right_first_word
from semphase.science.recovery.tasks import Item, as_prompts
from semphase.study import JointStudy, Study
from semphase.verdict.universes import universe

ITEMS = (
    Item("kate took the card to", " the bank by the", "shore"),
    Item("leo found", " the shelf and the", "bank"),
    Item("", "anna saw the", "box card"),
)
TASK = Task("own", "only", as_prompts("recovery/own", ITEMS), " and\n", 7)


@pytest.fixture
def model(wandering):
    return wandering("gpt2")


@pytest.fixture
def study(study_of, model) -> Study:
    return study_of(model)


def in_universe(study: Study, name: str) -> Study:
    return study.in_universe(universe(name))


@pytest.mark.parametrize(
    ("text", "answer", "exactly", "anywhere", "first"),
    [
        (" river bank", "river bank", True, True, True),
        (" the river bank is", "river bank", False, True, False),
        (" river mouth", "river bank", False, False, True),
        (" the river and bank", "river bank", False, False, False),
        (" the\nriver bank", "river bank", False, False, False),
        ("", "river", False, False, False),
        (" river", "", False, False, False),
    ],
)
def test_what_counts_as_right(text, answer, exactly, anywhere, first):
    found = [bool(score([text], [answer])[0]) for score in (right, right_anywhere, right_first_word)]
    assert found == [exactly, anywhere, first]


def planted(monkeypatch: pytest.MonkeyPatch, texts: list[list[str]], logs: list[list[list[float]]]) -> None:
    """Every generation gives these texts [item][sample] with these log p [item][sample][token]."""
    shape = np.shape(texts)
    made = SimpleNamespace(
        texts=np.array(texts, dtype=object),
        tokens=np.zeros((*shape, 2)),
        log_probabilities=SimpleNamespace(values=np.array(logs)),
        answer_log_probabilities=SimpleNamespace(values=np.zeros(shape[0])),
        prompt_flops=SimpleNamespace(values=np.zeros(shape[0])),
        flops=SimpleNamespace(values=np.ones(shape)),
        written=lambda *_: (1, 2),
    )
    monkeypatch.setattr(Study, "generate", lambda *_, **__: made)


def test_samples_are_chosen_by_the_majority_or_by_their_sum(study, monkeypatch):
    # Of one token there is a better mean, of two a better sum.
    texts = [[" shore.", " bank", " bank, too"], [" bank", " x", " y"], [" box card", " box card", " z"]]
    low, missing = [-9.0, -9.0], float("nan")
    logs = [[[-1.0, missing], low, low], [low, [-5.0, missing], [-2.0, -1.0]], [[-1.0, missing], [-0.4, -0.5], low]]
    planted(monkeypatch, texts, logs)
    chosen = {
        name: best_of(own, TASK, (), 3, "likeliest").right.tolist()
        for name, own in (
            ("registered", study),
            *(
                (name, in_universe(study, name))
                for name in ("majority of samples", "likeliest in sum", "answer anywhere")
            ),
        )
    }
    assert chosen["registered"] == [True, False, True]
    assert chosen["majority of samples"] == [False, True, True]
    assert chosen["likeliest in sum"] == [True, False, True]
    assert best_of(in_universe(study, "majority of samples"), TASK, (), 3, "first").right.tolist() == [True, True, True]


def test_the_highest_sum_is_that_of_the_text_and_not_of_a_token(study, monkeypatch):
    missing = float("nan")
    planted(monkeypatch, [[" shore", " x"]] * 2, [[[-1.0, -1.0], [-1.5, missing]], [[-2.0, -2.0], [-4.5, missing]]])
    two = Task("own", "only", as_prompts("recovery/own", [ITEMS[0], ITEMS[0]]), " and\n", 7)
    assert best_of(study, two, (), 2, "likeliest").right.tolist() == [True, True]
    assert best_of(in_universe(study, "likeliest in sum"), two, (), 2, "likeliest").right.tolist() == [False, True]


def test_other_samples_are_those_of_the_next_seed(study, monkeypatch):
    seeds = []
    generate = Study.generate

    def recording(self, *given, **named):
        seeds.append(named["seed"])
        return generate(self, *given, **named)

    monkeypatch.setattr(Study, "generate", recording)
    for each in (study, in_universe(study, "other samples")):
        best_of(each, TASK, (), 3, "first")
    assert seeds == [0, 1]


def test_another_score_generates_nothing(study, monkeypatch):
    own = in_rounds(study, TASK, (), 2)
    handle = study.model.module.register_forward_pre_hook(lambda *_: pytest.fail("a forward pass"))
    try:
        found = in_rounds(in_universe(study, "answer anywhere"), TASK, (), 2)
    finally:
        handle.remove()
    for one, other in zip(own, found, strict=True):
        assert (one.right <= other.right).all()
        np.testing.assert_array_equal(one.log_probability, other.log_probability)


def tasks_of(**accuracies: float) -> Calibrated:
    tasks = tuple(Task(name, "level", TASK.prompts, "", 7) for name in accuracies)
    tried = tuple(Tried(name, "level", share) for name, share in accuracies.items())
    return Calibrated(tasks, tasks, (Tried("a", "easier", 0.1), *tried))


def test_the_hardest_task_is_the_one_with_the_fewest_calibrating_items_right():
    left = without_the_hardest(tasks_of(a=0.5, b=0.3, c=0.4))
    assert [own.name for own in left.tasks] == [own.name for own in left.calibrating] == ["a", "c"]
    with pytest.raises(NotApplicable, match="single task"):
        without_the_hardest(tasks_of(a=0.5))


def test_a_universe_judges_the_registered_tasks(study, monkeypatch):
    monkeypatch.setattr("semphase.science.recovery.facet.calibrated", lambda *_: tasks_of(a=0.5, b=0.3))
    registered = study.facet(Recovery).calibrated
    monkeypatch.setattr("semphase.science.recovery.facet.calibrated", lambda *_: pytest.fail("calibrated again"))
    assert in_universe(study, "answer anywhere").facet(Recovery).calibrated is registered
    assert [own.name for own in in_universe(study, "without the hardest task").facet(Recovery).tasks] == ["a"]


def test_rounds_end_earlier_where_a_universe_says_so(study, monkeypatch):
    monkeypatch.setattr("semphase.science.recovery.facet.calibrated", lambda *_: tasks_of(a=0.5))
    monkeypatch.setattr("semphase.science.recovery.facet.in_rounds", lambda _s, _t, _e, count, *_: [count] * count)
    assert study.facet(Recovery).rounds() == [[3], [3], [3]]
    assert in_universe(study, "two rounds").facet(Recovery).rounds() == [[2], [2]]
    assert in_universe(study, "two rounds").facet(Recovery).rounds(rounds=1) == [[1]]


def test_nothing_is_made_beside_the_evidence_of_a_universe(study):
    own = universe("answer anywhere")
    assert beside(study, lambda: {"detail": 1}) == {"detail": 1}
    for other in (study.in_universe(own), JointStudy((study, study)).in_universe(own)):
        assert beside(other, lambda: pytest.fail("made")) == {}
