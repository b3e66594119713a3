"""Evidence, its control and the second definition of h, on studies that cost nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace

import numpy as np
import pytest

from semphase.errors import SemphaseError, Undefined
from semphase.science.lexical.evidence import by_step, estimates, on_all_responses, on_measurement, on_responses
from semphase.stats.draws import Bootstrapped, PerWord
from semphase.study import on_copies

WORDS = 4


def mean(data: PerWord) -> np.ndarray:
    return data.mean


def largest(data: PerWord) -> np.ndarray:
    return data.values.max(axis=-1)


def data(value: float) -> Bootstrapped[PerWord]:
    values = value + np.arange(WORDS, dtype=float)
    drawn = np.broadcast_to(values, (30, WORDS))
    index = np.random.default_rng(0).integers(0, WORDS, size=(30, WORDS))
    return Bootstrapped(PerWord(values), PerWord(drawn), index, n_prompts=50)


@dataclass
class Fake:
    """A study with planted responses."""

    value: float
    copies: tuple[float, ...] = (10.0, 20.0)
    reading: dict = field(default_factory=lambda: {"words": ("bank",)})

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
    assert estimates([data(1)], mean).value == 2.5
    both = estimates([data(1)], {"mean": mean, "largest": largest}, "words")
    assert {name: found.value for name, found in both.items()} == {"mean": 2.5, "largest": 4}
    assert "words" in both["mean"].method


def test_a_measurement_comes_with_its_copies_and_details():
    made = on_measurement(Fake(1), lambda own: own.response, mean, by_word=lambda point: point.values)
    assert made["evidence"].value == 2.5
    assert [control.value for control in made["control"]] == [11.5, 21.5]
    np.testing.assert_array_equal(made["detail"]["by word"], [1, 2, 3, 4])
    assert made["detail"]["words"] == ("bank",)


def test_responses_come_with_the_other_definition_of_h():
    made = on_responses(Fake(1), {"mean": mean}, population="words")
    assert made["evidence"]["mean"].value == 2.5
    assert made["detail"]["h from the prompt's step"]["mean"].value == 102.5


def test_joint_responses_compare_models_and_their_copies(monkeypatch):
    monkeypatch.setattr("semphase.science.lexical.evidence.mean_curves", lambda _study: {})
    joint = SimpleNamespace(each=(Fake(1), Fake(5)))
    joint.untrained = tuple(SimpleNamespace(each=pair) for pair in zip(Fake(1).untrained, (Fake(0),) * 2, strict=True))
    made = on_all_responses(joint, lambda a, b: b.mean - a.mean, "prompts", extra=7)
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


def test_an_undefined_second_definition_is_told_as_a_text():
    told = by_step([Fake(1)], lambda part: part.mean * np.nan)
    assert told.startswith("not defined: no interval could be made")
