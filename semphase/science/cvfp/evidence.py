"""Evidence on grids of CVFP trainings: estimates, the same for the control's grids, and what a reader recomputes from."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import xarray as xr
from jaxtyping import Float

from semphase.errors import Undefined
from semphase.science.cvfp.facet import Cvfp
from semphase.science.cvfp.grids import Measured
from semphase.science.cvfp.orderings import differences
from semphase.science.cvfp.power_laws import reduction_by_doubling
from semphase.science.cvfp.trainings import (
    Jackknifed,
    Without,
    of_seeds_alone,
    per_token,
    seeds_together,
    without_each,
)
from semphase.stats.estimate import Estimate
from semphase.stats.left_out import REAL_LINE, Factor, smooth
from semphase.stats.median import median, smallest_median
from semphase.stats.ranges import POSITIVE, SHARE
from semphase.study.study import Study

Made = Estimate | Mapping[str, Estimate]
Statistic = Callable[..., Made]
Grids = tuple[Measured, ...]
Of = Callable[[Cvfp], Grids]
WINDOW = 100
"""Tokens at the beginning, in the middle and at the end that 004 compares."""
BLOCK = 10
MOST_DRAWN = 64


def on_grids(
    study: Study, evidence: Statistic, own: Of, control: Of, detail: Callable[[], Mapping[str, Any]] = dict
) -> dict[str, Any]:
    """Arguments of `judge`: evidence of some grids, and of the control's grids where it is defined there.

    In a universe there is the evidence alone: it has no control, and the report no detail of it.
    """
    trained = study.facet(Cvfp)
    made = {"evidence": evidence(*own(trained))}
    if not study.registered:
        return made
    made["detail"] = {**trained.reading, **detail()}
    try:
        return made | {"control": evidence(*control(trained))}
    except Undefined as problem:
        return made | {"reason": f"no control: {problem}"}


def on_matrix(
    study: Study, evidence: Statistic, detail: Callable[[], Mapping[str, Any]] = dict, control: Of | None = None
) -> dict[str, Any]:
    """`on_grids` for the nine configurations, the untrained context block being the control if no other is given."""
    return on_grids(study, evidence, lambda own: (own.matrix,), control or (lambda own: (own.reservoir,)), detail)


def on_convergence(study: Study, evidence: Statistic, detail: Callable[[], Mapping[str, Any]]) -> dict[str, Any]:
    """The same for iterations [layers, tokens, size, seed] of more seeds, shuffled text being the control."""

    def of_all_seeds(*grids: Measured) -> Made:
        return evidence(seeds_together([own.iterations for own in grids]))

    return on_grids(study, of_all_seeds, lambda own: own.convergence(), lambda own: own.convergence("shuffled"), detail)


def shuffled(trained: Cvfp) -> Grids:
    """The nine configurations trained on shuffled text, as a control."""
    return (trained.shuffled,)


def over_seeds(study: Study) -> Callable[..., Estimate]:
    """How one number of each seed becomes an estimate: by the median, or in a universe by the mean."""
    return mean_seed if study.choice("seeds") == "arithmetic mean" else middle_seed


def middle_seed(values: Float[np.ndarray, " seed"], within: tuple[float, float] = REAL_LINE) -> Estimate:
    """The median of seeds, each of which has one number; seeds that are all alike are known to a thousandth."""
    return smallest_median(values[None], over="seeds", unit="iterations", within=within)


def mean_seed(values: Float[np.ndarray, " seed"], within: tuple[float, float] = REAL_LINE) -> Estimate:
    """The mean of seeds, each left out."""
    return of_seeds_alone(values).smooth("mean iterations", unit="iterations", cut=within)


def perplexities(measured: Measured) -> dict[str, Any]:
    """Validation perplexity of every configuration at every size."""
    return measured.table(measured.log_ppl.of(np.exp), "validation PPL", POSITIVE)


def best_perplexities(measured: Measured) -> dict[str, Any]:
    """For a figure: the best validation PPL of every configuration."""
    _, judged = measured.best
    return {"best validation PPL": measured.table(judged.of(np.exp), "best validation PPL", POSITIVE)}


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
        "α": measured.table(alpha, "α"),
        "A": measured.table(log_a.of(np.exp), "A", POSITIVE),
        "R²": measured.table(r2, "R²", SHARE),
        "1 − 2^α": measured.table(alpha.of(reduction_by_doubling), "1 − 2^α", (-math.inf, 1.0)),
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
    """Cosine of phase 1's context with the sequential one, [seed, document, position].

    In a universe of settled contexts that of the finished block's, in one that leaves position 0 out without the first
    token of every document.
    """
    form = "evaluated" if study.choice("contexts") == "settled" else "phase 1"
    found = [_of_form(own[name], form) for own in agreements(study)]
    values = np.stack(found).reshape(len(found), -1, study.facet(Cvfp).documents.length)
    return values[..., 1:] if study.choice("positions") == "without 0" else values


def _of_form(values: xr.DataArray, form: str) -> np.ndarray:
    return values.sel(form=form).values if "form" in values.dims else values.values


def mean_cosine(values: Float[np.ndarray, "seed document position"]) -> Jackknifed:
    """Mean over tokens and seeds."""
    return per_token(values.sum(axis=-1), np.full(values.shape[:-1], values.shape[-1]))


def lowest_cosine(values: Float[np.ndarray, "seed document position"]) -> Jackknifed:
    """Mean over seeds of the lowest over this text's tokens."""
    lowest = values.min(axis=(1, 2))
    return Jackknifed(lowest.mean(), (Without("seeds", without_each(lowest)),))


def window_cosines(values: Float[np.ndarray, "seed document position"]) -> Jackknifed:
    """Mean cosines [window] of the first, middle and last 100 tokens (fewer where there are not 300), ten in a block."""
    stream = values.reshape(len(values), -1)
    size = min(WINDOW, stream.shape[1] // 3) // BLOCK * BLOCK
    middle = (stream.shape[1] - size) // 2
    cut = [stream[:, start : start + size] for start in (0, middle, stream.shape[1] - size)]
    blocks = np.stack(cut).reshape(3, len(values), -1, BLOCK).mean(axis=-1)
    each, count = blocks.mean(axis=1), blocks.shape[-1]
    means = each.mean(axis=-1)
    without = np.repeat(means[None], 3 * count, axis=0)
    for window in range(3):
        left = (each[window].sum() - each[window]) / max(count - 1, 1)
        without[window * count : (window + 1) * count, window] = left
    strata = np.repeat(np.arange(3), count)
    seeds = without_each(blocks.mean(axis=-1))
    return Jackknifed(means, (Without("text", without, strata), Without("seeds", seeds)))


def largest_difference(windows: Jackknifed) -> Estimate:
    """Between the means of any two windows."""
    return windows.of(differences).largest("mean cosines of two windows, their difference", cut=(0.0, 2.0))


def output_difference(times: xr.Dataset, form: str) -> Estimate:
    """The largest difference of a document's outputs, mean over documents; no better than a float32 output is told."""
    values = times["largest_difference"].sel(form=form).values
    without = (values.sum() - values) / (len(values) - 1)
    what = "largest difference within a document, mean over documents"
    found = smooth(float(values.mean()), Factor("documents", without), what=what)
    resolution = float(np.finfo(np.float32).eps) * float(times["size"])
    low, high = max(found.value - resolution, 0.0), found.value + resolution
    if np.ptp(values) == 0:
        return replace(found, low=low, high=high, lacks="")
    return replace(found, low=max(min(low, found.low), 0.0), high=max(high, found.high), sampling=None)


def speed_ratio(seconds: xr.DataArray, form: str) -> Estimate:
    """Median of the time of the sequential form over that of another one, repeat by repeat."""
    slow, fast = (seconds.sel(form=own).values for own in ("sequential", form))
    return median(slow / fast, over="repeats", within=POSITIVE)
