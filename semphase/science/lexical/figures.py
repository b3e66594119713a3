"""Figures of what the lexicon's words show; each draws what the detail of a verdict holds."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from semphase.data.lexicon import CONDITIONS

Detail = Mapping[str, Any]
DEPTH = "x = l/L"
CONDITION_COLOURS = ("#2166ac", "#92c5de", "#777777", "#f4a582", "#b2182b")
COLUMNS = 5


def sigma_fans(detail: Detail) -> Figure:
    """σ(l) of every word under the five conditions."""
    drawn = detail["curves"]
    rows = math.ceil(len(drawn["senses"]) / COLUMNS)
    figure = Figure(figsize=(2.4 * COLUMNS, 1.9 * rows + 0.6), layout="constrained")
    axes = np.atleast_2d(figure.subplots(rows, COLUMNS, sharex=True, sharey=True))
    for axis, title, curves in zip(axes.flat, drawn["senses"], drawn["sigma"], strict=False):
        for condition, colour, curve in zip(CONDITIONS, CONDITION_COLOURS, curves, strict=True):
            axis.plot(drawn["x"], curve, color=colour, lw=1.3, label=condition.replace("_", " "))
        axis.set_title(title, fontsize=7)
        axis.axhline(0, color="0.8", lw=0.6, zorder=0)
    for axis in axes.flat[len(drawn["senses"]) :]:
        axis.set_axis_off()
    handles, labels = axes.flat[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(CONDITIONS), fontsize=8, frameon=False)
    figure.supylabel("σ = cos(φ(l), e_diff)", fontsize=9)
    figure.suptitle("Order parameter by context over the depth x = l/L", fontsize=11)
    return figure


def f_overlay(detail: Detail) -> Figure:
    """f(l) of every word, and the mean over words."""
    x, f = _arrays(detail["curves"], "x", "f")
    figure, axis = _panel("Response f(l) = dσ/dh", "f")
    _overlay(axis, x, f)
    axis.plot(x, f.mean(axis=0), color="black", lw=2.2, label="mean")
    axis.legend(frameon=False)
    return figure


def g_overlay(detail: Detail) -> Figure:
    """g of every word and g_mean with its interval over words and prompts."""
    x, g, mean, low, high = _arrays(detail["curves"], "x", "g", "g_mean", "low", "high")
    figure, axis = _panel("Permeation g = f / max f", "g")
    _overlay(axis, x, g)
    axis.fill_between(x, low, high, color="black", alpha=0.2, lw=0, label="95 % interval")
    axis.plot(x, mean, color="black", lw=2.2, label="g_mean")
    axis.legend(frameon=False)
    return figure


def r2_by_layer(detail: Detail) -> Figure:
    """R² of σ(l) on h: every word, the median, and the criterion's level."""
    figure, axis = _panel("Linearity of σ in h", "R²")
    for name, colour in (("h from σ(L)", "#b2182b"), ("h from the step", "#2166ac")):
        x, r2 = _arrays(detail["curves"], "x", name)
        axis.plot(x, r2.T, color=colour, lw=0.4, alpha=0.35)
        axis.plot(x, np.median(r2, axis=0), color=colour, lw=2.2, label=f"median, {name}")
    axis.axhline(0.95, color="0.4", ls=":", lw=1)
    axis.legend(frameon=False)
    return figure


def shape_fits(detail: Detail) -> Figure:
    """g_mean with the curves fitted to it, lowest BIC first where it is told."""
    drawn, table = detail["curves"], detail.get("fits", {})
    figure, axis = _panel("Curves fitted to g_mean", "g")
    names = sorted(drawn["fitted"], key=lambda name: table[name]["bic"] if name in table else 0.0)
    for name in names:
        told = f"{name}: BIC {table[name]['bic']:.1f}".replace("-", "−") if name in table else name
        axis.plot(drawn["x"], drawn["fitted"][name], lw=1.1, label=told)
    axis.plot(drawn["x"], drawn["g_mean"], "ko", ms=4, label="g_mean")
    axis.legend(frameon=False, fontsize=7)
    return figure


def g_models(detail: Detail) -> Figure:
    """g_mean of every model over the common depth."""
    figure, axis = _panel("g_mean by model", "g")
    for name, own in detail["g_mean of each model"].items():
        axis.plot(own["x"], own["g_mean"], marker="o", ms=3, label=name)
    axis.legend(frameon=False)
    return figure


def g_untrained(detail: Detail) -> Figure:
    """g_mean of the model and of its untrained copies."""
    x, trained, untrained = _arrays(detail["curves"], "x", "trained", "untrained")
    figure, axis = _panel("g_mean with and without training", "g")
    axis.plot(x, untrained.T, color="0.6", lw=1)
    axis.plot([], [], color="0.6", lw=1, label="re-initialised copies")
    axis.plot(x, trained, color="#b2182b", lw=2.2, label="trained")
    axis.legend(frameon=False)
    return figure


def rotation(detail: Detail) -> Figure:
    """The angle of each block, and the distribution of the total angle over positions."""
    figure = Figure(figsize=(10, 3.8), layout="constrained")
    left, right = figure.subplots(1, 2)
    low, middle, high = np.asarray(detail["curves"]["angle by block (5, 50, 95 %)"], dtype=float)
    blocks = np.arange(1, len(middle) + 1)
    left.fill_between(blocks, low, high, alpha=0.25, lw=0)
    left.plot(blocks, middle, marker="o", ms=3)
    left.set(xlabel="layer l", ylabel="θ(l) (rad)", title="median and 5–95 % over positions")
    turns = detail["curves"]["percentiles of Θ/π (0 to 100 %)"]
    right.plot(turns, np.linspace(0, 1, len(turns)))
    right.axvline(1, color="#b2182b", lw=1.5)
    right.set(xlabel="Θ / π", ylabel="share of positions below", title="total angle; the claim is the red line")
    figure.suptitle("Rotation of the residual stream", fontsize=11)
    return figure


def rotation_models(detail: Detail) -> Figure:
    """Mean Θ/π against model size."""
    figure, axis = _panel("Total rotation by model size", "mean Θ / π", "parameters")
    turns, sizes = detail["mean Θ/π"], detail["parameters"]
    axis.semilogx([sizes[name] for name in turns], list(turns.values()), "o-")
    for name, turn in turns.items():
        axis.annotate(name, (sizes[name], turn), fontsize=8)
    return figure


def context_plane(detail: Detail) -> Figure:
    """Mean |σ| over context length and layer."""
    figure, axis = _panel("Mean |σ|", "layer l", "words of context")
    image = axis.imshow(np.asarray(detail["plane"]).T, origin="lower", aspect="auto", cmap="viridis")
    figure.colorbar(image, ax=axis)
    return figure


def write_profiles(detail: Detail) -> Figure:
    """What attention and MLP have written along e_diff up to each block, per unit of h."""
    figure, axis = _panel("Writes along e_diff", "slope on h, cumulative (stream units)", "block")
    for name, colour in (("attention", "#b2182b"), ("MLP", "#2166ac")):
        (profile,) = _arrays(detail["curves"], name)
        blocks = np.arange(1, profile.shape[-1] + 1)
        axis.plot(blocks, profile.T, color=colour, lw=0.4, alpha=0.35)
        axis.plot(blocks, profile.mean(axis=0), color=colour, lw=2.2, label=name)
    axis.legend(frameon=False)
    return figure


def _arrays(curves: Detail, *names: str) -> list[np.ndarray]:
    return [np.asarray(curves[name], dtype=float) for name in names]


def _panel(title: str, ylabel: str, xlabel: str = DEPTH) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(6.4, 4.2), layout="constrained")
    axis = figure.subplots()
    axis.set(title=title, xlabel=xlabel, ylabel=ylabel)
    return figure, axis


def _overlay(axis: Axes, x: np.ndarray, curves: np.ndarray) -> None:
    for curve in curves:
        axis.plot(x, curve, lw=0.8, alpha=0.5)
