"""Which tasks suit a model: planted accuracies, and models that cannot read what they are asked."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace

import pytest
from planted_answers import answered
from tokenizers import Tokenizer
from tokenizers.models import BPE
from tokenizers.trainers import BpeTrainer
from transformers import PreTrainedTokenizerFast
from wandering import with_tokenizer

from semphase.data.lexicon import load as load_lexicon
from semphase.errors import NotApplicable
from semphase.models import fixture
from semphase.science.recovery import calibration
from semphase.science.recovery.answering import Task
from semphase.science.recovery.calibration import Tried, calibrated, fitted
from semphase.science.recovery.facet import Recovery
from semphase.science.recovery.spending import TOKENS, TRIALS, Trial
from semphase.science.recovery.tasks import LADDERS, Item, Ladder, Sources, as_prompts
from semphase.study import Study

FEW = Trial(calibrate=20, judge=20, tasks=1)
Shares = Mapping[str, tuple[float, float]]
"""By level, of the calibrating and of the judging items."""


def bought(_sources, _level, part, _rng):
    while True:
        yield Item("kate saw the card", " and the bank", "shore" if part == "judge" else "boat")


def ladder(name: str, *levels: str) -> Ladder:
    return Ladder(name, levels, bought)


@pytest.fixture
def study(study_of: Callable[..., Study], tiny) -> Study:
    return study_of(tiny)


@pytest.fixture
def sources(study: Study) -> Sources:
    return Sources(study.lexicon, study.corpus.text, 0)


@pytest.fixture
def plant(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """`plant(task=shares, …)` makes ladders of these levels; the answers that were asked for come in the list."""

    def planted(**tasks: Shares) -> list[str]:
        asked: list[str] = []

        def in_rounds(_study, task, edits, rounds):
            assert (edits, rounds) == ((), 1)
            *_, level, part = task.prompts.name.split("/")
            asked.append(f"{task.name}: {level}, {part}")
            return [answered(tasks[task.name][level][part == "judge"], len(task.prompts))]

        monkeypatch.setattr(calibration, "LADDERS", [ladder(name, *shares) for name, shares in tasks.items()])
        monkeypatch.setattr(calibration, "in_rounds", in_rounds)
        return asked

    return planted


def test_the_level_nearest_to_the_middle_is_taken(study, sources, plant):
    plant(own={"easy": (0.95, 0.95), "fair": (0.8, 0.8), "middle": (0.5, 0.3), "hard": (0.35, 0.55)})
    found = calibrated(study, sources, FEW)
    (task,), (first,) = found.tasks, found.calibrating
    assert (task.name, task.level, task.between, task.tokens) == ("own", "middle", "\n", TOKENS)
    assert set(task.prompts.answer) == {" shore"}
    assert set(first.prompts.answer) == {" boat"}
    assert (first.level, len(task.prompts), len(first.prompts)) == ("middle", 20, 20)
    assert found.told() == {
        "own": {"easy": 0.95, "fair": 0.8, "middle": 0.5, "hard": 0.35, "middle, judging items": 0.3}
    }


def test_the_judging_items_choose_no_level(study, sources, plant):
    """Another level in place of one that is too easy for them would be chosen by what it is judged by."""
    asked = plant(own={"fair": (0.8, 0.85), "middle": (0.5, 0.95), "hard": (0.3, 0.3)}, next={"only": (0.5, 0.5)})
    found = calibrated(study, sources, FEW)
    assert [(task.name, task.level) for task in found.tasks] == [("next", "only")]
    assert asked[3:] == ["own: middle, judge", "next: only, calibrate", "next: only, judge"]
    assert found.told()["own"]["middle, judging items"] == 0.95


@pytest.mark.parametrize(
    ("share", "fits"), [(0.15, False), (0.2, True), (0.9, True), (0.95, False), (0.0, False), (1.0, False)]
)
@pytest.mark.parametrize("part", ["calibrating", "judging"])
def test_the_bounds_belong_to_the_range(study, sources, plant, share, fits, part):
    plant(own={"only": (share, 0.5) if part == "calibrating" else (0.5, share)})
    if fits:
        assert len(calibrated(study, sources, FEW).tasks) == 1
    else:
        with pytest.raises(NotApplicable):
            calibrated(study, sources, FEW)


def test_the_first_tasks_that_fit_are_taken_and_no_more_are_tried(study, sources, plant):
    asked = plant(hard={"a": (0.0, 0.0)}, first={"a": (0.5, 0.5)}, second={"b": (0.9, 0.4)}, third={"c": (0.55, 0.55)})
    found = calibrated(study, sources, Trial(20, 20, 2))
    assert [task.name for task in found.tasks] == ["first", "second"]
    assert not [own for own in asked if own.startswith("third")]
    assert list(found.told()) == ["hard", "first", "second"]


def test_a_model_that_no_task_suits_is_told_every_level_and_its_accuracy(study, sources, plant):
    plant(easy={"one": (1.0, 1.0), "two": (0.5, 0.95)}, hard={"three": (0.05, 0.0)})
    with pytest.raises(NotApplicable) as found:
        calibrated(study, sources, FEW)
    assert str(found.value) == (
        "no task has tiny between 20 and 90 % right; give another model, or a --corpus and a --lexicon in its language. "
        "Tried easy: one 100 %, two 50 %, two, judging items 95 %; hard: three 5 %."
    )


def test_an_attempt_is_an_accuracy_or_a_reason():
    assert str(Tried("own", "easy", 0.456)) == "easy 46 %"
    assert str(Tried("own", "easy", None, "it cannot be read")) == "easy (it cannot be read)"


def test_a_source_that_gives_too_little_is_a_reason(study, sources, monkeypatch):
    monkeypatch.setattr(calibration, "LADDERS", [Ladder("own", ("only",), lambda *_: iter([Item("a", " b", "c")]))])
    with pytest.raises(NotApplicable, match=r"Tried own: only \(fewer than two items can be made\)\.$"):
        calibrated(study, sources, FEW)


# Models that cannot read a task


@pytest.mark.parametrize("language", ["english", "grammar"])
def test_a_model_of_64_positions_is_told_why_it_can_do_nothing(study_of, random_gpt2, corpus, language, monkeypatch):
    own = study_of(random_gpt2)
    lexicon = load_lexicon(fixture(f"lexicon/{language}.toml"))
    with pytest.raises(NotApplicable) as found:
        calibrated(own, Sources(lexicon, corpus.text, 0), Trial(4, 4, 4))
    told = str(found.value)
    for each in LADDERS:
        assert f"{each.name}: " in told
        assert all(level in told for level in each.levels)
    assert "3 rounds of it are longer than the 64 tokens that the model reads" in told
    assert "unknown to" in told
    assert re.findall(r"\d+ %", told) == ["90 %"]  # the bound: nothing was asked


def task_of(*items: Item, tokens: int = TOKENS) -> Task:
    return Task("own", "only", as_prompts("own", items), "\n", tokens)


SHORT = Item("kate saw", " the", "boat")


def why(study: Study, task: Task) -> str:
    """Why it does not fit."""
    found = fitted(study, task)
    assert isinstance(found, str)
    return found


def test_three_rounds_must_fit(study_of, random_gpt2):
    own = study_of(random_gpt2)
    # A BOS token and three more to begin with, and the question's one behind each text.
    assert fitted(own, task_of(SHORT, SHORT, tokens=19)) == task_of(SHORT, SHORT, tokens=19)
    assert fitted(own, task_of(SHORT, SHORT, tokens=20)) == (
        "3 rounds of it are longer than the 64 tokens that the model reads"
    )


def test_longer_answers_count_as_long_as_they_are(study_of, random_gpt2):
    own = study_of(random_gpt2)
    found = fitted(own, task_of(SHORT, Item("kate saw", " the", "boat " * 18 + "boat")))
    assert isinstance(found, Task)
    assert found.tokens == 19
    assert "3 rounds" in why(own, task_of(SHORT, Item("kate saw", " the", "boat " * 19 + "boat")))


def test_a_text_is_as_long_as_the_longest_answer(study, sources, monkeypatch):
    def long(*_):
        return iter([SHORT, Item("kate saw", " the", "boat " * 29 + "boat")])

    monkeypatch.setattr(calibration, "LADDERS", [Ladder("own", ("only",), long)])
    monkeypatch.setattr(calibration, "in_rounds", lambda *_: [answered(0.5, 2)])
    (task,) = calibrated(study, sources, FEW).tasks
    assert task.tokens == 30


def test_words_that_a_tokenizer_does_not_know_are_a_reason(study):
    assert "unknown to tiny's tokenizer" in why(study, task_of(*[Item("zu", " wem", "boat")] * 2))
    assert "no token of its own" in why(study, task_of(Item("kate saw", " the", "Boot"), SHORT))


def test_answers_that_a_tokenizer_joins_to_the_prompt_are_a_reason(study_of, random_gpt2):
    inner = Tokenizer(BPE(unk_token="<unk>"))
    inner.train_from_iterator(["kate saw the boat"] * 20, BpeTrainer(special_tokens=["<bos>", "<pad>", "<unk>"]))
    joining = PreTrainedTokenizerFast(tokenizer_object=inner, bos_token="<bos>", eos_token="<bos>", unk_token="<unk>")
    own = study_of(with_tokenizer(random_gpt2, joining))
    assert "goes on with the last word" in why(own, task_of(SHORT, SHORT))


# The facet


def test_a_budget_says_how_many_items_and_tasks(study, study_of, tiny):
    assert study.facet(Recovery).trial == Trial()
    quick = study_of(tiny, budget=replace(study.budget, name="quick"))
    assert quick.facet(Recovery).trial == TRIALS["quick"]
    assert Trial().tasks < TRIALS["standard"].tasks


def test_the_facet_calibrates_on_its_own_study(study, plant):
    asked = plant(own={"only": (0.5, 0.5)})
    recovery = study.facet(Recovery)
    assert [task.name for task in recovery.tasks] == ["own"]
    assert len(recovery.calibrated.calibrating[0].prompts) == Trial().calibrate
    assert len(recovery.tasks[0].prompts) == Trial().judge
    assert len(asked) == 2


@pytest.mark.parametrize(
    ("accuracies", "best"),
    [
        ([(0.2, 0.4, 0.6), (0.5, 0.5, 0.5)], 3),
        ([(0.5, 0.4, 0.3), (0.5, 0.5, 0.5)], 1),
        ([(0.2, 0.6, 0.2), (0.5, 0.5, 0.5)], 2),
        ([(0.5, 0.5, 0.5)], 1),
    ],
)
def test_the_best_number_of_rounds_is_that_on_the_calibrating_items(study, plant, monkeypatch, accuracies, best):
    plant(**{f"own{k}": {"only": (0.5, 0.5)} for k in range(len(accuracies))})
    recovery = study.facet(Recovery)
    calibrating = recovery.calibrated.calibrating

    def rounds(_self, edits=(), feedback="own", tasks=None, rounds=3):
        assert tasks == calibrating
        assert (edits, feedback) == ((), "own")
        return [[answered(own[k]) for own in accuracies] for k in range(rounds)]

    monkeypatch.setattr(Recovery, "rounds", rounds)
    assert recovery.best_number_of_rounds == best
