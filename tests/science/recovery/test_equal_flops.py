"""A small model's answers for a large one's operations: planted prices, and two of the tiny models."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from planted_answers import answered, of

from semphase.errors import NotApplicable
from semphase.models import load
from semphase.science.recovery import equal_flops
from semphase.science.recovery.answering import Answered, Task
from semphase.science.recovery.calibration import Calibrated
from semphase.science.recovery.equal_flops import MOST, EqualFlops
from semphase.science.recovery.facet import Recovery
from semphase.science.recovery.spending import ROUNDS
from semphase.science.recovery.tasks import LADDERS, Item, Sources, as_prompts
from semphase.study import Study

PROMPT = 100.0


class PartOf(Task):
    """A task that knows its part."""

    __slots__ = ("part",)

    def __init__(self, name: str, part: str) -> None:
        super().__init__(name, "only", as_prompts("own", [Item("", "a", "b")] * 2), "", 1)
        object.__setattr__(self, "part", part)


@dataclass
class Planted:
    """A model whose answers cost and come out as said; it notes which tasks it was asked."""

    label: str
    prices: Sequence[float] = (10.0,)
    """Of one sample after the other, the last for all that follow."""
    once: float = 1000.0
    accuracy: dict[str, float] = field(default_factory=dict)
    """By "rounds" and "samples", on the calibrating items."""
    names: tuple[str, ...] = ("a",)
    judged: float = 1.0
    """How much dearer the judged items are."""
    asked: list[tuple[str, Any, int]] = field(default_factory=list)

    @property
    def study(self) -> Any:
        return SimpleNamespace(label=self.label, seed=0)

    @property
    def calibrated(self) -> Calibrated:
        def tasks(part: str) -> tuple[Any, ...]:
            return tuple(PartOf(name, part) for name in self.names)

        return Calibrated(tasks("judge"), tasks("calibrate"), ())

    def rounds(self, edits=(), feedback="own", tasks=None, rounds=ROUNDS):
        self.asked += [("rounds", task.part, rounds) for task in tasks]
        return [
            [self._answered("rounds", task, (k + 1) * self.once + 10 * k * (k + 1)) for task in tasks]
            for k in range(rounds)
        ]

    def chosen(self, edits=(), choice="likeliest", tasks=None, samples=5):
        self.asked += [(choice, task.part, samples) for task in tasks]
        paid = PROMPT + sum((*self.prices, *[self.prices[-1]] * samples)[:samples])
        return [self._answered("samples", task, paid) for task in tasks]

    def _answered(self, way: str, task: Any, flops: float) -> Answered:
        share = self.accuracy.get(way, 0.5)
        if task.part == "calibrate":
            return answered(share, 20, flops)
        return answered(1 - share, 20, flops * self.judged)


@pytest.fixture(autouse=True)
def _fitted(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if "real" not in request.node.name:
        monkeypatch.setattr(equal_flops, "fitted", lambda _study, task: task)


def both(small: Planted, large: Planted) -> EqualFlops:
    return EqualFlops(small, large)  # type: ignore[arg-type]


@pytest.mark.parametrize(("budget", "samples"), [(120, 2), (129.9, 2), (130, 3), (150, 5), (405, 30), (10_000, MOST)])
def test_as_many_samples_as_are_paid_for(budget, samples):
    found = both(Planted("small"), Planted("large", once=budget)).counts
    assert found["samples"] == [samples]


@pytest.mark.parametrize("prices", [(10, 10, 10, 10, 30), (10, 12, 14, 30, 8), (30, 10, 8, 6, 10), (5, 5, 1, 1, 20)])
@pytest.mark.parametrize("budget", [135, 150, 200, 333])
def test_samples_never_take_more_than_is_paid_for(prices, budget):
    """Whatever those beyond the fourth cost, from which the price is guessed."""
    small = Planted("small", prices)
    for count in both(small, Planted("large", once=budget)).counts.get("samples", []):
        (paid,) = small.chosen(tasks=small.calibrated.calibrating, samples=count)
        assert paid.flops.mean() <= budget


def test_texts_that_cost_nothing_are_no_more_than_the_most():
    found = both(Planted("small", (0.0,)), Planted("large", once=150)).counts
    assert found["samples"] == [MOST]


@pytest.mark.parametrize(("budget", "rounds"), [(219, None), (220, 2), (359, 2), (360, 3), (10_000, 3)])
def test_as_many_rounds_as_are_paid_for(budget, rounds):
    found = both(Planted("small", once=100), Planted("large", once=budget)).counts
    assert found.get("rounds") == (None if rounds is None else [rounds])


@pytest.mark.parametrize("once", [119, 100, 10])
def test_operations_that_do_not_suffice_for_two_answers_are_a_reason(once):
    pair = both(Planted("small"), Planted("large", once=once))
    with pytest.raises(
        NotApplicable, match=r"^large takes too few operations more than small for the latter to answer twice$"
    ):
        pair.repeated()


@pytest.mark.parametrize(("small", "large"), [((float("nan"),), 1000.0), ((10.0,), float("nan"))])
def test_operations_that_are_not_counted_are_a_reason(small, large):
    pair = both(Planted("small", small), Planted("large", once=large))
    with pytest.raises(
        NotApplicable, match=rf"^the operations of {'small' if large == 1000 else 'large'} are not counted"
    ):
        _ = pair.way


@pytest.mark.parametrize(("rounds", "samples", "way"), [(0.6, 0.4, "rounds"), (0.4, 0.6, "samples")])
def test_the_way_is_chosen_on_the_calibrating_items(rounds, samples, way):
    """Judged items, where the planted accuracies are turned round, are not even asked."""
    small = Planted("small", once=100, accuracy={"rounds": rounds, "samples": samples}, names=("a", "b"))
    pair = both(small, Planted("large", once=400, names=("a", "b")))
    assert pair.way == way
    assert {part for _, part, _ in small.asked} == {"calibrate"}
    small.asked.clear()
    judged = pair.repeated()
    assert {part for _, part, _ in small.asked} == {"judge"}
    assert [own.accuracy for own in judged] == pytest.approx([0.4, 0.4])


def test_a_way_that_fits_only_once_is_not_taken():
    pair = both(Planted("small", accuracy={"rounds": 0.9, "samples": 0.1}), Planted("large", once=1500))
    assert list(pair.counts) == ["samples"]
    assert pair.way == "samples"


def test_samples_at_random_are_as_many(monkeypatch):
    small = Planted("small")
    pair = both(small, Planted("large", once=150))
    pair.repeated()
    pair.at_random()
    assert small.asked[-2:] == [("likeliest", "judge", 5), ("random", "judge", 5)]


@pytest.mark.parametrize(("dearer", "counts"), [(1.0, [5]), (1.05, [4]), (3.0, [1])])
def test_judged_items_that_cost_more_are_answered_less_often(dearer, counts):
    """Five fit on the calibrating items, 100 for the prompt and 10 each for 150."""
    pair = both(Planted("small", judged=dearer), Planted("large", once=150))
    assert pair.counts["samples"] == [5]
    assert pair.judged_counts == counts
    assert (pair.repeated()[0].flops.mean() <= pair.once[0].flops.mean()) == (dearer < 3)


def test_one_of_the_rounds_at_random_costs_all():
    rounds = [of(np.arange(60) % 3 == k, flops) for k, flops in enumerate((1.0, 3.0, 6.0))]
    found, again, other = (equal_flops._mixed(rounds, seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(found.flops, rounds[-1].flops)
    np.testing.assert_array_equal(found.right, again.right)
    assert (found.right != other.right).any()
    assert 0.1 < found.accuracy < 0.6
    small = Planted("small", once=100, accuracy={"rounds": 0.6})
    (mixed,) = both(small, Planted("large", once=400)).at_random()
    assert mixed.flops[0] == 360


def test_tasks_that_the_small_model_cannot_read_are_left_out(monkeypatch):
    def fitted(_study, task):
        return "no" if (task.name, task.part) in (("a", "judge"), ("c", "calibrate")) else task

    monkeypatch.setattr(equal_flops, "fitted", fitted)
    pair = both(Planted("small"), Planted("large", names=("a", "b", "c")))
    assert [task.name for task in pair.tasks] == ["b"]
    monkeypatch.setattr(equal_flops, "fitted", lambda *_: "no")
    with pytest.raises(NotApplicable, match=r"^small reads none of the tasks that suit large$"):
        _ = both(Planted("small"), Planted("large")).tasks


# Two of the tiny models


def with_tasks(study: Study) -> Recovery:
    """Its tasks are said, not found."""
    recovery, tasks = study.facet(Recovery), []
    own = Sources(study.lexicon, study.corpus.text, 0)
    for part in ("judge", "calibrate"):
        prompts = LADDERS[4].prompts(own, "12 words before", part, 4)
        assert prompts is not None
        tasks.append(Task("object", "12 words before", prompts, " . ", 6))
    vars(recovery)["calibrated"] = Calibrated((tasks[0],), (tasks[1],), ())
    return recovery


@pytest.fixture(scope="module")
def pair_of() -> Callable[..., Any]:
    return lambda name: load(name, device="cpu")


def test_real_models_pay_what_they_say(study_of, pair_of):
    small, large = (with_tasks(study_of(pair_of(name))) for name in ("tiny-short", "tiny-deep"))
    pair = EqualFlops(small, large)
    (task,) = large.calibrated.calibrating
    budget = large.rounds(tasks=[task], rounds=1)[0][0].flops.mean()
    counts = pair.counts
    assert counts["samples"][0] > 2
    (paid,) = small.chosen(tasks=[task], samples=counts["samples"][0])
    assert paid.flops.mean() <= budget
    (more,) = small.chosen(tasks=[task], samples=counts["samples"][0] + 1)
    assert more.flops.mean() > 0.98 * budget
    for way, (count,) in counts.items():
        if way == "rounds":
            assert small.rounds(tasks=[task], rounds=count)[-1][0].flops.mean() <= budget
    assert len(pair.once[0].right) == len(pair.repeated()[0].right) == len(pair.at_random()[0].right) == 4


def test_real_models_of_one_size_are_not_compared(study_of, pair_of):
    own = with_tasks(study_of(pair_of("tiny-short")))
    with pytest.raises(NotApplicable, match="too few operations more"):
        EqualFlops(own, own).repeated()
