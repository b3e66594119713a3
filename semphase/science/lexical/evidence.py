"""Evidence at the lexicon's words: estimates with the control and the second definition of h beside them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import scipy

from semphase.errors import Undefined
from semphase.science.lexical.facet import Lexical
from semphase.science.lexical.response import Response
from semphase.stats.estimate import Estimate
from semphase.stats.nested import Nested, Population, left_out
from semphase.study.evidence import on_copies, where_defined
from semphase.study.joint import JointStudy
from semphase.study.study import Study


class Judged(Protocol):
    """What gives an estimate of one dataset for each of several, such as a `Quantity`."""

    def estimate(self, *data: Nested[Any], population: Population, what: str = ..., unit: str = ...) -> Estimate:
        """The estimate with its interval over the population's units."""
        ...


BY_STEP = "h from the prompt's step"
Quantities = Judged | Mapping[str, Judged]
Curves = Callable[[Lexical], Mapping[str, Any]]


def on_responses(
    study: Study,
    quantities: Quantities,
    *,
    population: Population = "prompts",
    curves: Curves | None = None,
    **details: Callable[[Response], Any],
) -> dict[str, Any]:
    """Arguments of `judge`: statistics of the response f(l), the same for the untrained copies, and with h by step.

    `details` are functions of the point response whose values go into the report under their names, `curves` gives
    what a figure draws.
    """
    return on_measurement(
        study,
        lambda words: words.response,
        quantities,
        with_step=lambda words: words.response_by_step,
        population=population,
        curves=curves,
        **details,
    )


def on_all_responses(
    study: JointStudy, quantities: Quantities, population: Population, **detail: Any
) -> dict[str, Any]:
    """The same for statistics of several models' responses; the control are their copies of one seed together."""

    def made(joint: JointStudy) -> Any:
        return estimates([own.facet(Lexical).response for own in joint.each], quantities, population)

    if not study.registered:
        return {"evidence": made(study)}
    detail["reading"] = {own.label: own.facet(Lexical).reading for own in study.each}
    detail[BY_STEP] = by_step(study.each, quantities, population)
    detail["g_mean of each model"] = mean_curves(study)
    return {"evidence": made(study), "detail": detail, **on_copies(study, made)}


def on_measurement(
    study: Study,
    measurement: Callable[[Lexical], Nested[Any]],
    quantities: Quantities,
    *,
    with_step: Callable[[Lexical], Nested[Any]] | None = None,
    population: Population = "prompts",
    curves: Curves | None = None,
    **details: Callable[[Any], Any],
) -> dict[str, Any]:
    """Arguments of `judge`: statistics of one measurement of the model, and of its untrained copies as control.

    `with_step` is the measurement with h from the prompt's step, where h enters. `details` are functions of the
    measurement's point; their values go into the report under their names. `curves` gives what a figure draws.
    """

    def made(copy: Study) -> Any:
        return estimates([measurement(copy.facet(Lexical))], quantities, population)

    words = study.facet(Lexical)
    with where_defined():
        own = measurement(words)
        evidence = estimates([own], quantities, population)
    if not study.registered:  # a universe, of which the report holds the estimate
        return {"evidence": evidence}
    told = {name.replace("_", " "): of(own.point) for name, of in details.items()}
    if curves is not None:
        told["curves"] = curves(words)
    if with_step is not None:
        told[BY_STEP] = _or_why(lambda: estimates([with_step(words)], quantities, population))
    return {"evidence": evidence, "detail": words.reading | told, **on_copies(study, made)}


def estimates(
    data: Sequence[Any], quantities: Quantities, population: Population = "prompts"
) -> Estimate | dict[str, Estimate]:
    """One estimate, or one for each named quantity."""
    if not isinstance(quantities, Mapping):
        return quantities.estimate(*data, population=population)
    return {name: own.estimate(*data, population=population, what=name) for name, own in quantities.items()}


def by_step(studies: Sequence[Study], quantities: Quantities, population: Population = "prompts") -> Any:
    """The same estimates with h = ±step/10; a text where they are not defined, since they decide nothing."""
    return _or_why(
        lambda: estimates([study.facet(Lexical).response_by_step for study in studies], quantities, population)
    )


def _or_why(made: Callable[[], Any]) -> Any:
    try:
        return made()
    except Undefined as problem:
        return f"not defined: {problem}"


# What figures draw


def sigma_curves(words: Lexical) -> dict[str, Any]:
    """σ(l) of every word under the five conditions."""
    point = words.conditions.point
    senses = [f"{word.word}: {word.sense_a} / {word.sense_b}" for word in words.lexicon.words]
    return {"x": point.x, "sigma": point.sigma, "senses": senses}


def f_curves(words: Lexical) -> dict[str, Any]:
    """f(l) of every word."""
    point = words.response.point
    return {"x": point.x, "f": point.f}


def g_curves(words: Lexical) -> dict[str, Any]:
    """g of every word, and g_mean with its interval over words."""
    point = words.response.point
    _, factor = left_out(lambda own: own.g_mean, words.response, population="words")
    # Tukey's pseudo-values (1958) and Student's t, layer by layer.
    n = factor.n
    error = np.sqrt((n - 1) * factor.without.var(axis=-1)) * (scipy.stats.t.ppf(0.975, n - 1) if n > 1 else np.nan)
    low, high = point.g_mean - error, point.g_mean + error
    return {"x": point.x, "g": point.g, "g_mean": point.g_mean, "low": low, "high": high}


def r2_curves(words: Lexical) -> dict[str, Any]:
    """R² of σ(l) on h for every word, by both definitions of h."""
    own, by_step = words.response.point, words.response_by_step.point
    return {"x": own.x, "h from σ(L)": own.r2, "h from the step": by_step.r2}


def mean_curves(study: JointStudy) -> dict[str, Any]:
    """g_mean of each model."""
    points = {own.label: own.facet(Lexical).response.point for own in study.each}
    return {name: {"x": point.x, "g_mean": point.g_mean} for name, point in points.items()}
