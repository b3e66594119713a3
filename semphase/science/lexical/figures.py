"""The figures of a report: each maker draws one from the measurements of a study."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from semphase.data.lexicon import CONDITIONS
from semphase.science.audit.figures import AUDIT_MAKERS
from semphase.science.cvfp.figures import CVFP_MAKERS
from semphase.science.heads.figures import HEAD_MAKERS
from semphase.science.lexical import total_rotation as rotation
from semphase.science.lexical.shapes import full_curve, truncated_curve
from semphase.science.wqk.figures import WEIGHT_MAKERS
from semphase.science.writes.figures import WRITE_MAKERS
from semphase.stats.families import G
from semphase.stats.fit import compare

if TYPE_CHECKING:
    from semphase.study import JointStudy, Study

DEPTH = "depth x = l / L"
CONDITION_COLOURS = ("#2166ac", "#92c5de", "#777777", "#f4a582", "#b2182b")
COLUMNS = 5


def sigma_fans(study: Study) -> Figure:
    """σ(l) of every word under the five conditions."""
    data = study.conditions.point
    rows = math.ceil(len(study.lexicon.words) / COLUMNS)
    figure = Figure(figsize=(2.4 * COLUMNS, 1.9 * rows + 0.6), layout="constrained")
    axes = np.atleast_2d(figure.subplots(rows, COLUMNS, sharex=True, sharey=True))
    for axis, word, curves in zip(axes.flat, study.lexicon.words, data.sigma, strict=False):
        for condition, colour, curve in zip(CONDITIONS, CONDITION_COLOURS, curves, strict=True):
            axis.plot(data.x, curve, color=colour, lw=1.3, label=condition.replace("_", " "))
        axis.set_title(f"{word.word}: {word.sense_a} / {word.sense_b}", fontsize=7)
        axis.axhline(0, color="0.8", lw=0.6, zorder=0)
    for axis in axes.flat[len(study.lexicon.words) :]:
        axis.set_axis_off()
    handles, labels = axes.flat[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(CONDITIONS), fontsize=8, frameon=False)
    figure.supylabel("σ = cos(φ(l), e_diff)", fontsize=9)
    figure.suptitle(f"Order parameter by context over the depth x = l/L, {study.label}", fontsize=11)
    return figure


def f_overlay(study: Study) -> Figure:
    """f(l) of every word, and the mean over words."""
    figure, axis = _panel(f"Response f(l) = dσ/dh, {study.label}", "f")
    _curves(axis, study.response.point.x, study.response.point.f)
    axis.plot(study.response.point.x, study.response.point.f.mean(axis=0), color="black", lw=2.2, label="mean")
    axis.legend(frameon=False)
    return figure


def g_overlay(study: Study) -> Figure:
    """g of every word and g_mean with its interval over words and prompts."""
    figure, axis = _panel(f"Permeation g = f / max f, {study.label}", "g")
    response = study.response
    _curves(axis, response.point.x, response.point.g)
    low, high = np.nanpercentile(response.words.g_mean, [2.5, 97.5], axis=0)
    axis.fill_between(response.point.x, low, high, color="black", alpha=0.2, lw=0, label="95 % interval")
    axis.plot(response.point.x, response.point.g_mean, color="black", lw=2.2, label="g_mean")
    axis.legend(frameon=False)
    return figure


def r2_by_layer(study: Study) -> Figure:
    """R² of σ(l) on h: every word, the median, and the criterion's level."""
    figure, axis = _panel(f"Linearity of σ in h, {study.label}", "R²")
    for source, colour, name in (
        (study.response, "#b2182b", "h from σ(L)"),
        (study.response_by_step, "#2166ac", "h from the step"),
    ):
        axis.plot(source.point.x, source.point.r2.T, color=colour, lw=0.4, alpha=0.35)
        axis.plot(source.point.x, np.median(source.point.r2, axis=0), color=colour, lw=2.2, label=f"median, {name}")
    axis.axhline(0.95, color="0.4", ls=":", lw=1)
    axis.legend(frameon=False)
    return figure


def shape_fits(study: Study) -> Figure:
    """g_mean with all nine families, over the full depth and without the last two points."""
    figure = Figure(figsize=(10, 4.2), layout="constrained")
    curves = {"full depth": full_curve, "last two points dropped": truncated_curve}
    for axis, (title, curve) in zip(figure.subplots(1, 2, sharey=True), curves.items(), strict=True):
        x, g = curve(study.response.point)
        fits = compare(G, x, g)
        for name in sorted(fits, key=lambda name: fits[name].bic):
            axis.plot(x, fits[name].curve, lw=1.1, label=f"{name}: BIC {fits[name].bic:.1f}")
        axis.plot(x, g, "ko", ms=4, label="g_mean")
        axis.set(title=title, xlabel=DEPTH, ylabel="g")
        axis.legend(frameon=False, fontsize=7)
    figure.suptitle(f"Curve families, {study.label}", fontsize=11)
    return figure


def g_models(study: JointStudy) -> Figure:
    """g_mean of every model over the common depth."""
    figure, axis = _panel(f"g_mean by model, {study.label}", "g")
    for own in study.each:
        axis.plot(own.response.point.x, own.response.point.g_mean, marker="o", ms=3, label=own.model.name)
    axis.legend(frameon=False)
    return figure


def g_reinitialised(study: Study) -> Figure:
    """g_mean of the model and of its untrained copies."""
    figure, axis = _panel(f"g_mean with and without training, {study.label}", "g")
    for copy in study.untrained:
        axis.plot(copy.response.point.x, copy.response.point.g_mean, color="0.6", lw=1)
    axis.plot([], [], color="0.6", lw=1, label="re-initialised copies")
    axis.plot(study.response.point.x, study.response.point.g_mean, color="#b2182b", lw=2.2, label="trained")
    axis.legend(frameon=False)
    return figure


def rotation_by_layer(study: Study) -> Figure:
    """The angle of each block, and the distribution of the total angle."""
    figure = Figure(figsize=(10, 3.8), layout="constrained")
    left, right = figure.subplots(1, 2)
    low, middle, high = np.percentile(study.rotation, [5, 50, 95], axis=0)
    blocks = np.arange(1, len(middle) + 1)
    left.fill_between(blocks, low, high, alpha=0.25, lw=0)
    left.plot(blocks, middle, marker="o", ms=3)
    left.set(xlabel="layer l", ylabel="θ(l) (rad)", title="median and 5–95 % over positions")
    right.hist(rotation.turns(study.rotation), bins=40)
    right.axvline(1, color="#b2182b", lw=1.5)
    right.set(xlabel="Θ / π", ylabel="positions", title="total angle; the claim is the red line")
    figure.suptitle(f"Rotation of the residual stream, {study.label}", fontsize=11)
    return figure


def rotation_models(study: JointStudy) -> Figure:
    """Mean Θ/π against model size."""
    figure, axis = _panel("Total rotation by model size", "mean Θ / π", "parameters")
    sizes = [own.model.parameters for own in study.by_size]
    axis.semilogx(sizes, [rotation.turns(own.rotation).mean() for own in study.by_size], "o-")
    for own in study.by_size:
        axis.annotate(own.model.name, (own.model.parameters, rotation.turns(own.rotation).mean()), fontsize=8)
    return figure


def context_plane(study: Study) -> Figure:
    """Mean |σ| over context length and layer."""
    from semphase.science.lexical.derived import context_plane as plane_of

    mean = plane_of(study).point.mean
    figure, axis = _panel(f"Mean |σ|, {study.label}", "layer l", "words of context")
    image = axis.imshow(mean.T, origin="lower", aspect="auto", cmap="viridis")
    figure.colorbar(image, ax=axis)
    return figure


def write_profiles(study: Study) -> Figure:
    """What attention and MLP have written along e_diff up to each block, per unit of h."""
    from semphase.science.lexical.derived import attention_and_mlp

    writes = attention_and_mlp(study).point
    figure, axis = _panel(f"Writes along e_diff, {study.label}", "slope on h, cumulative (stream units)", "block")
    blocks = np.arange(1, writes.attention.shape[-1] + 1)
    for part, colour, name in ((writes.attention, "#b2182b", "attention"), (writes.mlp, "#2166ac", "MLP")):
        profile = np.cumsum(part, axis=-1)
        axis.plot(blocks, profile.T, color=colour, lw=0.4, alpha=0.35)
        axis.plot(blocks, profile.mean(axis=0), color=colour, lw=2.2, label=name)
    axis.legend(frameon=False)
    return figure


MAKERS: Mapping[str, Callable[[Any], Figure]] = {
    "sigma-fans": sigma_fans,
    "f-overlay": f_overlay,
    "g-overlay": g_overlay,
    "r2-by-layer": r2_by_layer,
    "shape-fits": shape_fits,
    "g-models": g_models,
    "g-reinitialised": g_reinitialised,
    "rotation": rotation_by_layer,
    "rotation-models": rotation_models,
    "context-plane": context_plane,
    "write-profiles": write_profiles,
    **HEAD_MAKERS,
    **WEIGHT_MAKERS,
    **WRITE_MAKERS,
    **CVFP_MAKERS,
    **AUDIT_MAKERS,
}


def _panel(title: str, ylabel: str, xlabel: str = DEPTH) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(6.4, 4.2), layout="constrained")
    axis = figure.subplots()
    axis.set(title=title, xlabel=xlabel, ylabel=ylabel)
    return figure, axis


def _curves(axis: Axes, x: np.ndarray, curves: np.ndarray) -> None:
    for curve in curves:
        axis.plot(x, curve, lw=0.8, alpha=0.5)
