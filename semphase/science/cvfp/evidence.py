"""Evidence on grids of CVFP trainings: estimates, the same for the control's grids, and what a reader recomputes from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import xarray as xr

from semphase.errors import Undefined
from semphase.science.cvfp.facet import Cvfp
from semphase.science.cvfp.grids import Measured
from semphase.science.cvfp.power_laws import reduction_by_doubling
from semphase.science.cvfp.trainings import Drawn, combined, document_weights, per_token, seed_weights
from semphase.stats.estimate import Estimate
from semphase.stats.interval import with_interval
from semphase.study.study import Study

Statistic = Callable[..., Drawn]
Grids = tuple[Measured, ...]
WINDOW = 100
"""Tokens at the beginning, in the middle and at the end that 004 compares."""
BLOCK = 10
MOST_DRAWN = 64


def on_grids(
    study: Study, statistics: Statistic | Mapping[str, Statistic], own: Grids, control: Grids, **detail: Any
) -> dict[str, Any]:
    """Arguments of `judge`: statistics of some grids, and of the control's grids where they are defined there."""
    made = {
        "evidence": _estimates(statistics, own),
        "detail": study.facet(Cvfp).reading | {name.replace("_", " "): value for name, value in detail.items()},
    }
    try:
        return made | {"control": _estimates(statistics, control)}
    except Undefined as problem:
        return made | {"reason": f"no control: {problem}"}


def on_margins(
    study: Study, margins: Statistic | Mapping[str, Statistic], own: Grids, control: Grids, **detail: Any
) -> dict[str, Any]:
    """The same for margins over the best rival; the detail says in which share of the draws each is above 0."""
    named = {"margin": margins} if callable(margins) else margins
    shares = {name: of(*own).share_above_zero for name, of in named.items()}
    return on_grids(study, margins, own, control, share_of_draws_above_0=shares, **detail)


def on_matrix(study: Study, statistics: Statistic | Mapping[str, Statistic], **detail: Any) -> dict[str, Any]:
    """`on_grids` for the nine configurations, the untrained context block being the control."""
    return on_grids(study, statistics, (study.facet(Cvfp).matrix,), (study.facet(Cvfp).reservoir,), **detail)


def margins_on_matrix(study: Study, margins: Statistic | Mapping[str, Statistic], **detail: Any) -> dict[str, Any]:
    """`on_margins` for the nine configurations, the untrained context block being the control."""
    return on_margins(study, margins, (study.facet(Cvfp).matrix,), (study.facet(Cvfp).reservoir,), **detail)


def _estimates(statistics: Statistic | Mapping[str, Statistic], grids: Grids) -> Estimate | dict[str, Estimate]:
    if callable(statistics):
        return statistics(*grids).estimate()
    return {name: of(*grids).estimate() for name, of in statistics.items()}


def perplexities(measured: Measured) -> dict[str, Any]:
    """Validation perplexity of every configuration at every size."""
    return measured.table(measured.log_ppl.of(np.exp))


def convergence(measured: Measured) -> dict[str, Any]:
    """For a figure: the share of converged tokens by iteration at the largest size, a list for each seed."""
    found = {name: measured.at_largest(at) for name, at in measured.configurations.items()}
    return {name: [own["converged"].values.mean(axis=1) for own in seeds] for name, seeds in found.items()}


def spectra(measured: Measured) -> dict[str, Any]:
    """For a figure: normalised singular values of the validation contexts at the largest size, first seed.

    At most 64 components of each, evenly spaced, the first and the last among them.
    """
    found = {name: measured.at_largest(at)[0] for name, at in measured.configurations.items()}
    return {name: _thinned(own["singular_values"].sel(split="validation").values) for name, own in found.items()}


def _thinned(values: np.ndarray) -> dict[str, Any]:
    at = np.unique(np.linspace(0, len(values) - 1, MOST_DRAWN).astype(int))
    return {"component": at + 1, "share": values[at]}


def laws(measured: Measured) -> dict[str, Any]:
    """α, A, R² and the saving by a doubling of every configuration, with intervals."""
    alpha, log_a, r2 = (measured.law(part) for part in ("alpha", "log_a", "r2"))
    return {
        "α": measured.table(alpha),
        "A": measured.table(log_a.of(np.exp)),
        "R²": measured.table(r2),
        "1 − 2^α": measured.table(alpha.of(reduction_by_doubling)),
        "PPL by size": perplexities(measured),
    }


def what_remains(study: Study) -> dict[str, Any]:
    """The laws of the controls: an untrained context block, shuffled text, a bigram model."""
    cvfp = study.facet(Cvfp)
    grids = {"untrained context block": cvfp.reservoir, "shuffled text": cvfp.shuffled, "bigram": cvfp.bigram}
    return {name: laws(own) for name, own in grids.items()}


# The fast form against the definition


def agreements(study: Study) -> list[xr.Dataset]:
    """Parallel against sequential contexts, one dataset for each seed."""
    return [study.facet(Cvfp).agreement(seed) for seed in study.facet(Cvfp).seeds]


def cosines(study: Study, name: str = "cosine") -> np.ndarray:
    """Cosine of phase 1's context with the sequential one, [seed, document, position]."""
    found = [_of_phase_1(own[name]) for own in agreements(study)]
    return np.stack(found).reshape(len(found), -1, study.facet(Cvfp).documents.length)


def _of_phase_1(values: xr.DataArray) -> np.ndarray:
    return values.sel(form="phase 1").values if "form" in values.dims else values.values


def mean_cosine(study: Study, values: np.ndarray) -> Drawn:
    """Mean over tokens and seeds."""
    sums, count = values.sum(axis=-1), np.full(values.shape[:-1], values.shape[-1])
    return per_token(sums, count, *_weights(study, sums, "agreement"), what="documents")


def lowest_cosine(study: Study, values: np.ndarray) -> Drawn:
    """The lowest over tokens and seeds."""
    least = values.min(axis=(0, -1))
    documents, _ = _weights(study, values.sum(axis=-1), "agreement")
    drawn = np.where(documents > 0, least, np.inf).min(axis=-1)
    return Drawn(least.min(), drawn, len(least), f"bootstrap over {len(least)} documents, every seed counted")


def window_cosines(study: Study, values: np.ndarray) -> list[Drawn]:
    """Mean cosine of the first, middle and last 100 tokens (of fewer where there are not 300), ten in a block."""
    stream = values.reshape(len(values), -1)
    size = min(WINDOW, stream.shape[1] // 3) // BLOCK * BLOCK
    middle = (stream.shape[1] - size) // 2
    starts = {"first": 0, "middle": middle, "last": stream.shape[1] - size}
    return [_window(study, stream[:, start : start + size], name) for name, start in starts.items()]


def _window(study: Study, cosine: np.ndarray, name: str) -> Drawn:
    sums = cosine.reshape(len(cosine), -1, BLOCK).sum(axis=-1)
    weights = _weights(study, sums, f"the {name} tokens")
    return per_token(sums, np.full(sums.shape, BLOCK), *weights, what=f"blocks of {BLOCK} tokens")


def largest_difference(windows: list[Drawn]) -> Drawn:
    """Between the means of any two windows."""
    return combined(lambda *means: np.max(means, axis=0) - np.min(means, axis=0), *windows)


def speed_ratio(study: Study, seconds: xr.DataArray) -> Estimate:
    """Median time of the sequential form over that of the parallel one; repeats resampled."""
    slow, fast = (seconds.sel(form=form).values for form in ("sequential", "parallel"))
    draws, rng = study.budget.draws, study.rng("CVFP repeats")
    drawn = [np.median(rng.choice(own, size=(draws, len(own))), axis=1) for own in (slow, fast)]
    value = float(np.median(slow) / np.median(fast))
    what = "bootstrap over the repeats of each form, ratio of medians"
    return with_interval(value, drawn[0] / drawn[1], n=seconds.size, what=what)


def _weights(study: Study, sums: np.ndarray, purpose: str) -> tuple[np.ndarray, np.ndarray]:
    rng, draws = study.rng(f"CVFP {purpose}"), study.budget.draws
    return document_weights(draws, sums.shape[1], rng), seed_weights(draws, (), sums.shape[0], rng)
