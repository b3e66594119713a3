"""Figures of the CVFP language model: scaling lines, maps of configurations, convergence, spectra of contexts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

Detail = Mapping[str, Any]
COLOURS = {"1tok": "#2166ac", "2tok": "#e08214", "3tok": "#b2182b"}
STYLES = {"1L": "-", "2L": "--", "3L": ":"}
CONTROLS = {
    "untrained context block": ("0.5", "untrained contexts"),
    "shuffled text": ("#1b7837", "trained on shuffled text"),
    "bigram": ("#762a83", "no context"),
}
SIDE = 3
"""Layers, and input tokens, of the nine configurations."""


def cvfp_scaling(detail: Detail) -> Figure:
    """Validation PPL against training tokens: nine configurations with intervals and lines, and what controls reach."""
    tokens, controls = np.asarray(detail["training tokens"], dtype=float), detail.get("controls", {})
    figure = Figure(figsize=(10.6 if controls else 5.6, 4.8), layout="constrained")
    panels = figure.subplots(1, 2 if controls else 1, sharey=True, squeeze=False)[0]
    for name in detail["laws"]["α"]:
        _line(panels[0], tokens, detail["laws"], name, name, *_look(name))
    panels[0].set_title("fixed-point contexts")
    if controls:
        _beside_controls(panels[1], tokens, detail["laws"], controls)
    for axis in panels:
        axis.set(xscale="log", yscale="log", xlabel="training tokens")
        axis.legend(frameon=False, fontsize=7, ncols=1)
    panels[0].set_ylabel("validation perplexity")
    figure.suptitle("Scaling of CVFP models; lines: PPL = A · n^α", fontsize=11)
    return figure


def cvfp_maps(detail: Detail) -> Figure:
    """Numbers by layers and input tokens, with intervals, as the source draws them."""
    maps = detail["maps"]
    figure = Figure(figsize=(4.8 * len(maps), 3.9), layout="constrained")
    for axis, (name, table) in zip(figure.subplots(1, len(maps), squeeze=False)[0], maps.items(), strict=True):
        _map(figure, axis, table, "{:.3f}" if name == "α" else "{:.4g}")
        axis.set_title(name)
    figure.suptitle("CVFP configurations", fontsize=11)
    return figure


def cvfp_convergence(detail: Detail) -> Figure:
    """Share of converged tokens by iteration of phase 1 at the largest size, every seed."""
    figure = Figure(figsize=(10.6, 3.8), layout="constrained")
    axes = dict(zip(STYLES, figure.subplots(1, len(STYLES), sharey=True), strict=True))
    for layers, axis in axes.items():
        axis.axhline(detail["share that ends phase 1"], color="0.5", lw=1, ls="--")
        axis.set(title=f"{layers[0]} layer{'s' * (layers != '1L')}", xlabel="iteration")
    for name, seeds in detail["share converged by iteration at the largest size"].items():
        layers, tokens = name.split()
        for seed, share in enumerate(seeds):
            label = f"{tokens[0]} token{'s' * (tokens != '1tok')}" if seed == 0 else None
            axes[layers].plot(np.arange(1, len(share) + 1), share, color=COLOURS[tokens], lw=1.3, label=label)
    axes["1L"].set_ylabel("share of tokens that have converged")
    axes["1L"].legend(frameon=False, fontsize=8)
    figure.suptitle("Phase 1 at the largest size; dashed: where it ends", fontsize=11)
    return figure


def cvfp_spectra(detail: Detail) -> Figure:
    """Normalised singular values of the validation contexts at the largest size, and the effective ranks."""
    figure = Figure(figsize=(10.6, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    for name, own in detail["spectra"].items():
        _spectrum(left, own, name, *_look(name))
    for own in detail.get("spectrum of the first layer only", {}).values():
        _spectrum(left, own, "3L 1tok, token in the first layer only", "black", "-.")
    left.set(yscale="log", xlabel="component", ylabel="singular value / sum", title="spectra, first seed")
    left.legend(frameon=False, fontsize=7, ncols=2)
    at_largest = {name: by_size[-1] for name, by_size in detail["rank"]["validation"].items()}
    _map(figure, right, at_largest, "{:.3f}")
    right.set_title("effective rank of the validation contexts, share of the width")
    figure.suptitle("Contexts of CVFP models at the largest size", fontsize=11)
    return figure


def _look(name: str) -> tuple[str, str]:
    """Colour by input tokens and style by layers."""
    layers, tokens = name.split()
    return COLOURS[tokens], STYLES[layers]


def _beside_controls(axis: Axes, tokens: np.ndarray, laws: Detail, controls: Mapping[str, Detail]) -> None:
    for name in (name for name in laws["α"] if name.endswith("2tok")):
        _line(axis, tokens, laws, name, f"fixed point, {name}", *_look(name))
    for control, own in controls.items():
        colour, told = CONTROLS[control]
        for name in (name for name in own["α"] if name.endswith("2tok") or control == "bigram"):
            _line(axis, tokens, own, name, f"{told}, {name}", colour, _look(name)[1])
    axis.set_title("two tokens beside the controls")


def _line(axis: Axes, tokens: np.ndarray, laws: Detail, name: str, label: str, colour: str, style: str) -> None:
    """Points with intervals, and the power law through them."""
    found = laws["PPL by size"][name]
    at, (low, value, high) = tokens[: len(found)], _ends(found)
    axis.errorbar(at, value, yerr=[value - low, high - value], fmt="o", ms=3, lw=0.8, color=colour, alpha=0.7)
    alpha, factor = laws["α"][name]["value"], laws["A"][name]["value"]
    told = f"{label}: α = {alpha:.3f}".replace("-", "−")
    axis.plot(at, factor * at**alpha, style, color=colour, lw=1.3, label=told)


def _map(figure: Figure, axis: Axes, table: Mapping[str, Detail], form: str) -> None:
    low, value, high = (ends.reshape(SIDE, SIDE) for ends in _ends(list(table.values())))
    figure.colorbar(axis.imshow(value, cmap="viridis", aspect="auto"), ax=axis)
    middle = (value.min() + value.max()) / 2
    for i, j in np.ndindex(SIDE, SIDE):
        text = f"{form.format(value[i, j])}\n[{form.format(low[i, j])}, {form.format(high[i, j])}]".replace("-", "−")
        colour = "black" if value[i, j] > middle else "white"
        axis.text(j, i, text, ha="center", va="center", fontsize=8, color=colour)
    axis.set(xlabel="input tokens", ylabel="layers", xticks=range(SIDE), yticks=range(SIDE))
    axis.set_xticklabels(["1", "2", "3"])
    axis.set_yticklabels(["1", "2", "3"])


def _ends(found: list[Detail]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Low, value and high of several estimates."""
    low, value, high = (np.array([own[end] for own in found], dtype=float) for end in ("low", "value", "high"))
    return low, value, high


def _spectrum(axis: Axes, own: Detail, label: str, colour: str, style: str) -> None:
    values = np.asarray(own["share"], dtype=float)
    axis.plot(own["component"], np.where(values > 0, values, np.nan), style, color=colour, lw=1.2, label=label)
