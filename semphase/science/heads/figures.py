"""Figures of changed attention heads: importance, Pareto curves, forms without softmax, cost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

Detail = Mapping[str, Any]
IMPORTANCE = "ΔPPL by layer and head"
LIMIT = 1.1
FAR = 3.0
"""Ratios beyond this need a logarithmic axis."""


def heads_importance(detail: Detail) -> Figure:
    """ΔPPL of every head by layer, and the ranked values on logarithmic axes."""
    values = np.asarray(detail[IMPORTANCE], dtype=float)
    figure = Figure(figsize=(10, 4.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    bound = float(np.quantile(np.abs(values), 0.98)) or 1.0
    image = left.imshow(values, aspect="auto", cmap="RdBu_r", vmin=-bound, vmax=bound, origin="lower")
    figure.colorbar(image, ax=left, label="ΔPPL (colours end at the 98 % quantile)")
    left.set(xlabel="head", ylabel="layer", title="one head zeroed")
    ranked = np.sort(values[values > 0])[::-1]
    right.loglog(np.arange(1, len(ranked) + 1), ranked, "o", ms=3)
    right.set(xlabel="rank", ylabel="ΔPPL", title=f"{len(ranked)} of {values.size} heads with ΔPPL > 0")
    figure.suptitle("Importance of heads", fontsize=11)
    return figure


def heads_layers(detail: Detail) -> Figure:
    """ΔPPL of the heads of each layer, and the layer's mean."""
    values = np.asarray(detail[IMPORTANCE], dtype=float)
    figure, axis = _panel((6.4, 4.2), "Importance by layer")
    layers = np.arange(len(values))
    axis.plot(layers, values, "o", ms=3, color="#2166ac", alpha=0.5)
    axis.plot(layers, values.mean(axis=1), color="#b2182b", lw=2, label="mean of the layer")
    axis.axhline(0, color="0.7", lw=0.8)
    axis.set_yscale("symlog", linthresh=float(np.median(np.abs(values))) or 1e-3)
    axis.set(xlabel="layer", ylabel="ΔPPL with one head zeroed")
    axis.legend(frameon=False)
    return figure


def heads_pareto(detail: Detail) -> Figure:
    """PPL ratio against the number of removed heads, along every order worth showing."""
    figure, axis = _panel((7.2, 4.6), "Removing heads")
    _curves(axis, detail["curves"])
    count = detail["heads removed"]
    axis.axvline(count, color="0.4", ls=":", lw=1)
    axis.annotate(f"{count} heads", (count, 1.0), fontsize=8, xytext=(3, 3), textcoords="offset points")
    axis.set(xlabel="heads removed")
    return figure


def orders_compared(detail: Detail) -> Figure:
    """PPL ratio with the registered share of heads removed, by the order that chose them."""
    return _compared(detail["ratios"], "Removing heads in several orders")


def linear_forms(detail: Detail) -> Figure:
    """PPL ratio against the number of heads in another form than softmax."""
    figure, axis = _panel((7.2, 4.6), "Attention without softmax")
    _curves(axis, detail["curves"])
    axis.set(xlabel="heads replaced")
    return figure


def forms_compared(detail: Detail) -> Figure:
    """PPL ratio with the same heads in several forms."""
    return _compared(detail["ratios of the same heads"], "The same heads in several forms")


def attention_cost(detail: Detail) -> Figure:
    """Seconds of causal attention against length, kernelised and softmax."""
    figure, axis = _panel((6.4, 4.2), f"Cost of causal attention, {detail['heads']} heads")
    for form, seconds in detail["median seconds"].items():
        axis.loglog(detail["tokens"], seconds, "o-", label=form)
        axis.fill_between(detail["tokens"], *detail["fastest and slowest seconds"][form], alpha=0.2, lw=0)
    axis.set(xlabel="tokens", ylabel="seconds")
    axis.legend(frameon=False)
    return figure


def _panel(size: tuple[float, float], title: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=size, layout="constrained")
    axis = figure.subplots()
    axis.set_title(title)
    return figure, axis


def _curves(axis: Axes, curves: Mapping[str, Detail]) -> None:
    for name, own in curves.items():
        (line,) = axis.plot(own["heads"], own["ratio"], marker="o", ms=3, lw=1.4, label=name)
        low, high = np.asarray(own["95 % interval"], dtype=float).T
        axis.fill_between(own["heads"], low, high, color=line.get_color(), alpha=0.15, lw=0)
    axis.axhline(LIMIT, color="0.4", ls="--", lw=1)
    axis.set_yscale("log")
    axis.set(ylabel="PPL / baseline PPL")
    axis.legend(frameon=False, fontsize=7)


def _compared(ratios: Mapping[str, Detail], title: str) -> Figure:
    figure, axis = _panel((6.4, 0.5 * len(ratios) + 1.4), title)
    for place, own in enumerate(ratios.values()):
        axis.plot([own["low"], own["high"]], [place, place], color="#2166ac", lw=1.6)
        axis.plot(own["value"], place, "o", color="#2166ac", ms=5)
    axis.axvline(LIMIT, color="0.4", ls="--", lw=1)
    axis.set_yticks(range(len(ratios)), list(ratios))
    axis.invert_yaxis()
    axis.set(xlabel="PPL / baseline PPL")
    if max(own["high"] for own in ratios.values()) > FAR:
        axis.set_xscale("log")
    return figure
