"""Estimates on a study's responses and conditions, with the control and the second definition of h beside them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from semphase.errors import Undefined
from semphase.science.lexical.response import Response
from semphase.stats.draws import Population, estimate_from_draws
from semphase.stats.estimate import Estimate
from semphase.study.joint import JointStudy
from semphase.study.study import Study

Statistic = Callable[..., Any]


def on_responses(
    study: Study,
    statistics: Statistic | Mapping[str, Statistic],
    *,
    population: Population = "prompts",
    **details: Callable[[Response], Any],
) -> dict[str, Any]:
    """Arguments of `judge`: statistics of the response f(l), the same for the untrained copies, and with h by step.

    `details` are functions of the point response whose values go into the report under their names.
    """
    made = on_measurement(study, lambda own: own.response, statistics, population=population, **details)
    made["detail"]["h from the prompt's step"] = by_step([study], statistics, population)
    return made


def on_all_responses(
    study: JointStudy, statistics: Statistic | Mapping[str, Statistic], population: Population, **detail: Any
) -> dict[str, Any]:
    """The same for statistics of several models' responses; the control are their copies of one seed together."""

    def made(joint: JointStudy) -> Any:
        return estimates([own.response for own in joint.each], statistics, population)

    detail["reading"] = {own.model.name: own.reading for own in study.each}
    detail["h from the prompt's step"] = by_step(study.each, statistics, population)
    return {"evidence": made(study), "detail": detail, **on_copies(study, made)}


def on_measurement(
    study: Study,
    measurement: Callable[[Study], Any],
    statistics: Statistic | Mapping[str, Statistic],
    *,
    population: Population = "prompts",
    **details: Callable[[Any], Any],
) -> dict[str, Any]:
    """Arguments of `judge`: statistics of one measurement of the model, and of its untrained copies as control.

    `details` are functions of the measurement's point; their values go into the report under their names.
    """

    def made(own: Study) -> Any:
        return estimates([measurement(own)], statistics, population)

    point = measurement(study).point
    told = {name.replace("_", " "): of(point) for name, of in details.items()}
    return {"evidence": made(study), "detail": study.reading | told, **on_copies(study, made)}


def on_copies(study: Study | JointStudy, made: Callable[[Any], Any]) -> dict[str, Any]:
    """The control of `judge`: the same evidence for each untrained copy where it is defined, else the reason."""
    controls = []
    for copy in study.untrained:
        with suppress(Undefined):
            controls.append(made(copy))
    if controls:
        return {"control": controls}
    return {"reason": "no control: the estimate is not defined for any untrained copy"}


def estimates(
    data: Sequence[Any], statistics: Statistic | Mapping[str, Statistic], population: Population = "prompts"
) -> Estimate | dict[str, Estimate]:
    """One estimate, or one for each named statistic."""
    if callable(statistics):
        return estimate_from_draws(statistics, *data, population=population)
    return {name: estimate_from_draws(own, *data, population=population) for name, own in statistics.items()}


def by_step(
    studies: Sequence[Study], statistics: Statistic | Mapping[str, Statistic], population: Population = "prompts"
) -> Any:
    """The same estimates with h = ±step/10; a text where they are not defined, since they decide nothing."""
    try:
        return estimates([study.response_by_step for study in studies], statistics, population)
    except Undefined as problem:
        return f"not defined: {problem}"
