"""Figures of changed attention heads: importance, Pareto curves, forms without softmax, cost."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from semphase.science.heads.pareto import importance

if TYPE_CHECKING:
    from semphase.science.heads.rankings import Curve
    from semphase.study import Study

LIMIT = 1.1


def heads_importance(study: Study) -> Figure:
    """ΔPPL of every head by layer, and the ranked values on logarithmic axes."""
    values = _importance(study)
    figure = Figure(figsize=(10, 4.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    bound = float(np.quantile(np.abs(values), 0.98)) or 1.0
    image = left.imshow(values, aspect="auto", cmap="RdBu_r", vmin=-bound, vmax=bound, origin="lower")
    figure.colorbar(image, ax=left, label="ΔPPL (colours end at the 98 % quantile)")
    left.set(xlabel="head", ylabel="layer", title="one head zeroed")
    ranked = np.sort(values[values > 0])[::-1]
    right.loglog(np.arange(1, len(ranked) + 1), ranked, "o", ms=3)
    right.set(xlabel="rank", ylabel="ΔPPL", title=f"{len(ranked)} of {values.size} heads with ΔPPL > 0")
    figure.suptitle(f"Importance of heads, {study.label}", fontsize=11)
    return figure


def heads_layers(study: Study) -> Figure:
    """ΔPPL of the heads of each layer, and the layer's mean."""
    values = _importance(study)
    figure = Figure(figsize=(6.4, 4.2), layout="constrained")
    axis = figure.subplots()
    layers = np.arange(len(values))
    axis.plot(layers, values, "o", ms=3, color="#2166ac", alpha=0.5)
    axis.plot(layers, values.mean(axis=1), color="#b2182b", lw=2, label="mean of the layer")
    axis.axhline(0, color="0.7", lw=0.8)
    axis.set_yscale("symlog", linthresh=float(np.median(np.abs(values))) or 1e-3)
    axis.set(xlabel="layer", ylabel="ΔPPL with one head zeroed", title=f"Importance by layer, {study.label}")
    axis.legend(frameon=False)
    return figure


def heads_pareto(study: Study) -> Figure:
    """PPL ratio against the number of removed heads, along every order worth showing."""
    from semphase.science.heads.rankings import pareto

    figure = Figure(figsize=(7.2, 4.6), layout="constrained")
    axis = figure.subplots()
    _curves(axis, pareto(study.ablation))
    count = study.ablation.registered_count
    axis.axvline(count, color="0.4", ls=":", lw=1)
    axis.annotate(f"{count} heads", (count, 1.0), fontsize=8, xytext=(3, 3), textcoords="offset points")
    axis.set(xlabel="heads removed", title=f"Removing heads, {study.label}")
    return figure


def linear_forms(study: Study) -> Figure:
    """PPL ratio against the number of heads in another form than softmax."""
    from semphase.science.heads.forms import form_curves

    figure = Figure(figsize=(7.2, 4.6), layout="constrained")
    axis = figure.subplots()
    _curves(axis, form_curves(study.ablation))
    axis.set(xlabel="heads replaced", title=f"Attention without softmax, {study.label}")
    return figure


def attention_cost(study: Study) -> Figure:
    """Seconds of causal attention against length, kernelised and softmax."""
    from semphase.science.heads.forms import attention_cost as measured

    times = measured(study)
    figure = Figure(figsize=(6.4, 4.2), layout="constrained")
    axis = figure.subplots()
    for form in times["form"].values:
        seconds = times["seconds"].sel(form=form)
        axis.loglog(times["length"], seconds.median("repeat"), "o-", label=str(form))
        axis.fill_between(times["length"], seconds.min("repeat"), seconds.max("repeat"), alpha=0.2, lw=0)
    axis.set(xlabel="tokens", ylabel="seconds", title=f"Cost of causal attention, {study.model.heads} heads")
    axis.legend(frameon=False)
    return figure


def _importance(study: Study) -> np.ndarray:
    single = study.ablation.single("zero", "choose")
    return importance(single, study.text.baseline("choose")).reshape(study.model.layers, -1)


def _curves(axis: Axes, curves: Iterable[Curve]) -> None:
    for own in curves:
        (line,) = axis.plot(own.counts, own.ratios.values, marker="o", ms=3, lw=1.4, label=own.name)
        low, high = own.ratios.intervals.T
        axis.fill_between(own.counts, low, high, color=line.get_color(), alpha=0.15, lw=0)
    axis.axhline(LIMIT, color="0.4", ls="--", lw=1)
    axis.set_yscale("log")
    axis.set(ylabel="PPL / baseline PPL")
    axis.legend(frameon=False, fontsize=7)


HEAD_MAKERS: Mapping[str, Callable[[Any], Figure]] = {
    "heads-importance": heads_importance,
    "heads-layers": heads_layers,
    "heads-pareto": heads_pareto,
    "linear-forms": linear_forms,
    "attention-cost": attention_cost,
}
