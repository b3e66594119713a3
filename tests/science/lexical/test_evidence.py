"""Evidence, its control and the second definition of h, on studies that cost nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace

import numpy as np
import pytest

from semphase.errors import NotApplicable, SemphaseError, Undefined
from semphase.science.lexical.evidence import (
    BY_STEP,
    by_step,
    estimates,
    on_all_responses,
    on_measurement,
    on_responses,
)
from semphase.stats.nested import Nested, PerWord, Quantity, WithoutPrompts
from semphase.study import on_copies

WORDS = 4


MEAN = Quantity(lambda *given: given[-1].mean - sum(own.mean for own in given[:-1]))
LARGEST = Quantity(lambda own: own.values, "largest")


def data(value: float) -> Nested[PerWord]:
    values = value + np.arange(WORDS, dtype=float)
    moved = values + np.random.default_rng(0).normal(0, 0.01, size=(24, WORDS))
    return Nested(PerWord(values), WORDS, lambda: WithoutPrompts(PerWord(moved), np.repeat(np.arange(WORDS), 6)))


@dataclass
class Fake:
    """A study with planted responses."""

    value: float
    copies: tuple[float, ...] = (10.0, 20.0)
    reading: dict = field(default_factory=lambda: {"words": ("bank",)})
    registered: bool = True

    @property
    def label(self):
        return f"model {self.value:g}"

    def facet(self, _kind):
        return self

    @property
    def response(self):
        return data(self.value)

    @property
    def response_by_step(self):
        return data(self.value + 100)

    @property
    def untrained(self):
        return tuple(Fake(value) for value in self.copies)

    @property
    def each(self):
        return (self,)


def test_one_statistic_gives_one_estimate_and_names_give_a_mapping():
    assert estimates([data(1)], MEAN).value == 2.5
    both = estimates([data(1)], {"mean": MEAN, "largest": LARGEST}, "prompts")
    assert {name: found.value for name, found in both.items()} == {"mean": 2.5, "largest": 4}
    assert {found.population for found in both.values()} == {("prompts",)}
    of_words = estimates([data(1)], MEAN, "words")
    assert (of_words.population, of_words.units) == (("words",), (WORDS,))


def test_a_measurement_comes_with_its_copies_and_details():
    made = on_measurement(Fake(1), lambda own: own.response, MEAN, by_word=lambda point: point.values)
    assert made["evidence"].value == 2.5
    assert [control.value for control in made["control"]] == [11.5, 21.5]
    np.testing.assert_array_equal(made["detail"]["by word"], [1, 2, 3, 4])
    assert made["detail"]["words"] == ("bank",)


def test_responses_come_with_the_other_definition_of_h():
    made = on_responses(Fake(1), {"mean": MEAN}, population="words")
    assert made["evidence"]["mean"].value == 2.5
    assert made["detail"]["h from the prompt's step"]["mean"].value == 102.5


def test_joint_responses_compare_models_and_their_copies(monkeypatch):
    monkeypatch.setattr("semphase.science.lexical.evidence.mean_curves", lambda _study: {})
    joint = SimpleNamespace(each=(Fake(1), Fake(5)), registered=True)
    joint.untrained = tuple(SimpleNamespace(each=pair) for pair in zip(Fake(1).untrained, (Fake(0),) * 2, strict=True))
    made = on_all_responses(joint, MEAN, "prompts", extra=7)
    assert made["evidence"].value == 4
    assert [control.value for control in made["control"]] == [-10, -20]
    assert made["detail"]["extra"] == 7
    assert set(made["detail"]["reading"]) == {"model 1", "model 5"}


def raising(error: type[Exception], *values: float):
    def made(own: Fake) -> float:
        if own.value in values:
            raise error("no value")
        return own.value

    return made


def test_a_copy_without_an_estimate_is_left_out():
    assert on_copies(Fake(1), raising(Undefined, 10.0)) == {"control": [20.0]}


def test_copies_without_any_estimate_are_a_reason():
    made = on_copies(Fake(1), raising(Undefined, 10.0, 20.0))
    assert made == {"reason": "no control: the estimate is not defined for any untrained copy"}


def test_other_errors_of_a_copy_are_not_swallowed():
    with pytest.raises(SemphaseError, match="no value"):
        on_copies(Fake(1), raising(SemphaseError, 10.0))


def test_a_measurement_can_have_its_own_second_definition():
    made = on_measurement(Fake(1), lambda own: own.response, MEAN, with_step=lambda own: own.response_by_step)
    assert made["detail"][BY_STEP].value == 102.5


def test_an_undefined_second_definition_is_told_as_a_text():
    nothing = Quantity(lambda own: own.mean * np.nan)
    told = by_step([Fake(1)], nothing)
    assert told.startswith("not defined: statistic is not defined on these data")


def test_a_claim_does_not_apply_where_its_estimate_is_not_defined():
    nothing = Quantity(lambda own: own.mean * np.nan)
    with pytest.raises(NotApplicable, match="not defined on these data"):
        on_measurement(Fake(1), lambda own: own.response, nothing)
