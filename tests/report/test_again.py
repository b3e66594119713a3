"""A report against the same claims judged again: equal but for times and rounding, and every other difference is named."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from semphase.report.again import unequal

Change = Callable[[dict[str, Any]], Any]


def told(document: Any, change: Change) -> list[str]:
    again = copy.deepcopy(document)
    change(again)
    return list(unequal(document, again))


def first(document: dict[str, Any]) -> dict[str, Any]:
    return next(
        own for own in document["claims"] if own["id"] == "permeation.word-correlation" and own["model"] == "gpt2"
    )


def _rounded(document: dict[str, Any]) -> None:
    first(document)["estimate"]["value"] *= 1 + 1e-9


def _later(document: dict[str, Any]) -> None:
    for own in document["claims"]:
        own.update(seconds=99.0, figures=["x"])
        own["outcome"] = own["outcome"] if own["outcome"] == "error" else "passed"


@pytest.mark.parametrize("change", [lambda _: None, _rounded, _later])
def test_times_places_and_rounding_are_no_difference(document, change):
    assert told(document, change) == []


NAME = "permeation.word-correlation on gpt2"


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            lambda own: first(own).update(verdict="refuted"),
            f"{NAME} is supported in the archived report, and refuted when judged again",
        ),
        (
            lambda own: first(own)["estimate"].update(low=0.9),
            f"{NAME} has estimate.low 0.9633 in the archived report, and 0.9 again",
        ),
        (lambda own: first(own).update(criterion="r > 0"), f"{NAME} has criterion 'the smallest"),
        (
            lambda own: first(own)["detail"].update(per_word={"bank": [0.5, None]}),
            f"{NAME} has detail.per_word.bank[0] 0.97",
        ),
        (lambda own: first(own)["detail"].update(more=1), f"{NAME} has detail.more None in the archived report, and 1"),
        (
            lambda own: first(own).update(verdict=None, outcome="error", reason="the measurement x is missing"),
            f"{NAME} cannot be judged again: the measurement x is missing",
        ),
        (lambda own: own["claims"].remove(first(own)), f"{NAME} was not judged again"),
        (lambda own: own["run"]["corpus"].update(sha256="0"), "the corpus is another here than in the archived run"),
        (lambda own: own["run"]["models"][0].update(sha256="0"), "the model gpt2 has other weights here"),
    ],
)
def test_what_differs_is_named(document, change, sentence):
    (found,) = told(document, change)
    assert found.startswith(sentence)


def test_what_broke_is_compared_with_nothing(document):
    def mend(again: dict[str, Any]) -> None:
        broken = next(own for own in again["claims"] if own["outcome"] == "error")
        broken.update(verdict="supported", outcome="passed")

    assert told(document, mend) == []
