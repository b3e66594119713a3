"""Answers in rounds and chosen from several, against the same made by hand."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from semphase.data.prompts import Prompts
from semphase.measure.edits import zeroed
from semphase.measure.sites import heads
from semphase.measure.wiring import form
from semphase.models import Model
from semphase.science.recovery import answering
from semphase.science.recovery.answering import Answered, Task, _fed, asked_again, best_of, in_rounds
from semphase.science.recovery.facet import Recovery
from semphase.science.recovery.scoring import right
from semphase.science.recovery.spending import TEMPERATURE
from semphase.science.recovery.tasks import Item, as_prompts
from semphase.stats.ngrams import repeated_share
from semphase.study import Study

TOKENS, SAMPLES = 7, 5
LIGHT = (zeroed(heads([(0, 1), (1, 0)])), form(heads([(0, 0), (2, 3)]), "identity"))
ITEMS = (
    Item("kate took the card to", " the bank by the", "shore"),
    Item("leo found", " the shelf and the", "bank"),
    Item("", "anna saw the", "box card"),
    Item("the red key is near", " the gate and the", "key"),
)
MATCHING = ["own", "shuffled", "another item's"]


def task_of(*items: Item) -> Task:
    return Task("own", "only", as_prompts("recovery/own", items or ITEMS), " and\n", TOKENS)


@pytest.fixture(scope="module")
def model(wandering: Callable[..., Model]) -> Model:
    """In float64, so that no way of batching decides a token."""
    return wandering("gpt2")


@pytest.fixture
def study(study_of: Callable[..., Study], model: Model) -> Study:
    return study_of(model)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Prompts]:
    """The prompts of every generation."""
    found: list[Prompts] = []
    generate = Study.generate

    def recording(self, prompts, edits=(), **rest):
        found.append(prompts)
        return generate(self, prompts, edits, **rest)

    monkeypatch.setattr(Study, "generate", recording)
    return found


@pytest.mark.parametrize("edits", [(), LIGHT], ids=["unmodified", "lightened"])
def test_every_round_reads_what_was_written_before_it(study, edits):
    task = task_of()
    rounds = in_rounds(study, task, edits, 3)
    assert len(rounds) == 3
    texts, flops, written = list(task.prompts.texts), np.zeros(len(ITEMS)), [()] * len(ITEMS)
    for own in rounds:
        given = Prompts.of("by hand", texts, answer=list(task.prompts.answer))
        made = study.generate(given, edits, tokens=TOKENS, must_move=False)
        scored = study.prompts(given, edits, must_move=False).log_probabilities(given.answer)
        flops = flops + made.prompt_flops.values + made.flops.values[:, 0]
        written = [before + made.written(item) for item, before in enumerate(written)]
        assert own.right.tolist() == right(made.texts[:, 0], given.answer).tolist()
        np.testing.assert_allclose(own.log_probability, scored.values, rtol=1e-5)
        np.testing.assert_array_equal(own.flops, flops)
        np.testing.assert_array_equal(own.repeated, [repeated_share(tokens) for tokens in written])
        texts = [
            f"{text}{wrote} and\n{item.question.lstrip()}"
            for text, wrote, item in zip(texts, made.texts[:, 0], ITEMS, strict=True)
        ]
    assert (rounds[0].flops < rounds[1].flops).all()


def test_the_prompts_of_a_round(study, asked):
    task = task_of()
    in_rounds(study, task, LIGHT, 3)
    assert [own.name for own in asked] == ["recovery/own", "recovery/own#2", "recovery/own#3"]
    assert asked[0] == task.prompts
    for before, after in itertools.pairwise(asked):
        for item, (one, two) in enumerate(zip(before.texts, after.texts, strict=True)):
            assert two.startswith(one)
            assert two.endswith(" and\n" + ITEMS[item].question.lstrip())
            assert after.header[item] + after.question[item] == two
        assert after.answer.tolist() == task.prompts.answer.tolist()


def test_a_question_is_asked_again_behind_what_followed():
    prompts = as_prompts("own", [Item("the bank .", " what is", "it"), Item("", "who", "he")])
    found = asked_again(prompts, [" that", " she\nand"], " . ", 2)
    assert found.name == "own#2"
    assert found.texts == ("the bank . what is that . what is", "who she\nand . who")
    assert found.header.tolist() == ["the bank . what is that . ", "who she\nand . "]
    third = asked_again(found, [" A", " B"], " . ", 3)
    assert third.name == "own#3"
    assert third.texts == ("the bank . what is that . what is A . what is", "who she\nand . who B . who")


def test_shuffled_feedback_has_the_same_words_in_another_order():
    texts, lengths = [" the bank and\nthe shore of the river", " one", ""], [9, 1, 0]
    found = _fed(texts, lengths, "shuffled", 0)
    assert [Counter(own.split()) for own in found] == [Counter(own.split()) for own in texts]
    assert found[0].split() != texts[0].split()
    assert all(own.startswith(" ") for own in found)
    assert _fed(texts, lengths, "shuffled", 0) == found
    assert _fed(texts, lengths, "shuffled", 1)[0] != found[0]
    same = _fed([texts[0]] * 2, [9, 9], "shuffled", 0)
    assert same[0] != same[1]


@pytest.mark.parametrize(
    ("lengths", "expected"),
    [
        ([4, 4, 4, 4], ["b", "c", "d", "a"]),
        ([4, 9, 4, 9], ["c", "d", "a", "b"]),
        ([4, 9, 5, 16], ["c", "c", "a", "b"]),  # where none is as long, the nearest
    ],
)
def test_feedback_of_another_item_is_as_long_and_never_an_item_s_own(lengths, expected):
    texts = ["a", "b", "c", "d"]
    assert _fed(texts, lengths, "another item's", 0) == expected
    assert _fed(texts, lengths, "own", 0) == texts


def test_controls_read_other_texts_from_the_second_round_on(study, asked):
    own, *others = (in_rounds(study, task_of(), LIGHT, 2, feedback) for feedback in MATCHING)
    texts = [prompts.texts for prompts in asked[1::2]]
    fed = [[text.removeprefix(first) for text, first in zip(own, asked[0].texts, strict=True)] for own in texts]
    behind = [" and\n" + item.question.lstrip() for item in ITEMS]
    wrote, shuffled, other = (
        [text.removesuffix(end) for text, end in zip(texts, behind, strict=True)] for texts in fed
    )
    assert [sorted(text.split()) for text in shuffled] == [sorted(text.split()) for text in wrote]
    assert shuffled != wrote
    assert other == [*wrote[1:], wrote[0]]
    for found in others:
        assert (found[0].right == own[0].right).all()
        np.testing.assert_array_equal(found[0].log_probability, own[0].log_probability)
        assert (found[1].log_probability != own[1].log_probability).any()


def test_what_is_told_leaves_out_what_is_not_known():
    own = Answered(np.array([True, False]), np.array([-1.0, -2.0]), np.array([2.0, 4.0]), np.array([0.5, np.nan]))
    assert own.accuracy == 0.5
    assert own.told() == {
        "accuracy": 0.5, "log p of the answer": -1.5, "FLOPs": 3.0, "repeated 4-grams": 0.5,
    }  # fmt: skip
    assert np.isnan(replace(own, repeated=np.full(2, np.nan)).told()["repeated 4-grams"])


# Of several


def samples_of(study: Study, prompts: Prompts, seed: int = 0) -> object:
    return study.generate(
        prompts, LIGHT, tokens=TOKENS, temperature=TEMPERATURE, samples=SAMPLES, seed=seed, must_move=False
    )


@pytest.fixture
def choices(monkeypatch: pytest.MonkeyPatch) -> list[np.ndarray]:
    """The samples that were chosen, in the order of the calls."""
    found: list[np.ndarray] = []
    choose = answering._chosen

    def recording(*given):
        found.append(choose(*given))
        return found[-1]

    monkeypatch.setattr(answering, "_chosen", recording)
    return found


def test_the_likeliest_text_is_that_of_the_highest_mean_log_p(study, choices):
    task = task_of()
    own = best_of(study, task, LIGHT, SAMPLES, "likeliest")
    made = samples_of(study, task.prompts)
    mean = [[np.mean(logs[np.isfinite(logs)]) for logs in of_prompt] for of_prompt in made.log_probabilities.values]
    best = [int(np.argmax(of_prompt)) for of_prompt in mean]
    assert choices[0].tolist() == best
    assert len(set(best)) > 1
    assert own.right.tolist() == right([made.texts[k, n] for k, n in enumerate(best)], task.prompts.answer).tolist()
    np.testing.assert_array_equal(own.flops, made.prompt_flops.values + made.flops.values.sum(axis=1))
    np.testing.assert_array_equal(own.repeated, [repeated_share(made.written(k, n)) for k, n in enumerate(best)])
    scored = study.prompts(task.prompts, LIGHT, must_move=False).log_probabilities(task.prompts.answer)
    np.testing.assert_allclose(own.log_probability, scored.values, rtol=1e-5)


@pytest.mark.parametrize("choice", ["likeliest", "first", "random"])
def test_no_choice_looks_at_the_answers(study, choices, choice):
    others = [replace(item, answer=answer) for item, answer in zip(ITEMS, ("pen", "old", "tired", "jack"), strict=True)]
    for task in (task_of(), task_of(*others)):
        best_of(study, task, LIGHT, SAMPLES, choice)
    np.testing.assert_array_equal(*choices)


def test_the_text_that_was_written_would_be_right(study):
    """An answer that is the chosen text's first word is right, whatever stood there before."""
    made = samples_of(study, task_of().prompts)
    first = [made.texts[k, 0].split()[0] for k in range(len(ITEMS))]
    told = [replace(item, answer=word) for item, word in zip(ITEMS, first, strict=True)]
    readable = [word.isalpha() for word in first]
    assert best_of(study, task_of(*told), LIGHT, SAMPLES, "first").right.tolist() == readable


def test_the_first_sample_costs_one(study, choices):
    task = task_of()
    own = best_of(study, task, LIGHT, SAMPLES, "first")
    made = samples_of(study, task.prompts)
    assert choices[0].tolist() == [0] * len(ITEMS)
    np.testing.assert_array_equal(own.flops, made.prompt_flops.values + made.flops.values[:, 0])
    assert own.right.tolist() == right(made.texts[:, 0], task.prompts.answer).tolist()


def test_a_sample_at_random_is_the_seed_s_and_costs_all(study, choices):
    task = task_of(*ITEMS * 4)
    own, again, other = (best_of(study, task, LIGHT, SAMPLES, "random", seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(choices[0], choices[1])
    assert (choices[0] != choices[2]).any()
    assert set(choices[0]) <= set(range(SAMPLES))
    assert len(set(choices[0])) > 2
    np.testing.assert_array_equal(own.right, again.right)
    likeliest = best_of(study, task, LIGHT, SAMPLES, "likeliest")
    for found in (own, other):
        np.testing.assert_array_equal(found.flops, likeliest.flops)


# The facet


def test_the_facet_answers_task_by_task(study):
    tasks = [task_of(), task_of(*ITEMS[:2])]
    recovery = Recovery(study)
    rounds = recovery.rounds(LIGHT, tasks=tasks, rounds=2)
    assert [[len(own.right) for own in after] for after in rounds] == [[4, 2], [4, 2]]
    np.testing.assert_array_equal(rounds[1][1].flops, in_rounds(study, tasks[1], LIGHT, 2)[1].flops)
    chosen = recovery.chosen(LIGHT, "first", tasks=tasks, samples=2)
    assert [len(own.right) for own in chosen] == [4, 2]
