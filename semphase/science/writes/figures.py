"""Figures of what layers write: components by layer, and perplexity on few of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure

SOURCE_D = 768
PARTS = {"whole block": ("", "black"), "attention": (" of attention", "#b2182b"), "MLP": (" of mlp", "#2166ac")}
COLOURS = {"individual": "#2166ac", "shared": "#b2182b"}
PUBLISHED = {
    "individual": ("x", {8: 144.9, 16: 121.8, 32: 71.9, 64: 54.1, 128: 29.3, 256: 8.3, 512: 1.49, 768: 1.0}),
    "shared": ("+", {8: 136.0, 16: 383.4, 32: 463.2, 64: 431.7, 128: 319.3, 256: 178.7, 512: 7.0, 768: 1.0}),
}
"""Perplexity ratios of gpt2 by number of components (002, exp7 D)."""


def writes_spectra(detail: Mapping[str, Any]) -> Figure:
    """K(90 %) of what each block, its attention and its MLP write, with position 0 and without it."""
    figure = Figure(figsize=(6.8, 4.2), layout="constrained")
    axis = figure.subplots()
    for style, name in (("-", "with position 0"), ("--", "without position 0")):
        for part, (of, colour) in PARTS.items():
            curve = detail[f"K(90 %){of} {name}"]
            label = f"{part}, {name}"
            axis.plot(np.arange(len(curve)), curve, style, color=colour, marker="o", ms=3, lw=1.4, label=label)
    axis.set(title="Principal components with 90 % of Δφ's variance", xlabel="block", ylabel="K(90 %)")
    axis.legend(frameon=False, fontsize=8, ncols=2)
    return figure


def writes_inference(detail: Mapping[str, Any]) -> Figure:
    """Perplexity over the baseline's when every block writes in K components; gpt2 as published in grey."""
    figure = Figure(figsize=(6.8, 4.2), layout="constrained")
    axis = figure.subplots()
    for kind in (kind for kind in COLOURS if kind in detail["ratios"]):
        found = {int(k.removeprefix("K = ")): own for k, own in detail["ratios"][kind].items()}
        low, values, high = (np.array([own[end] for own in found.values()]) for end in ("low", "value", "high"))
        ends, colour = [values - low, high - values], COLOURS[kind]
        axis.errorbar(list(found), values, yerr=ends, color=colour, marker="o", ms=4, lw=1.4, label=f"{kind} bases")
        marker, published = PUBLISHED[kind]
        at = [k * detail["d"] / SOURCE_D for k in published]
        label = f"gpt2 in the source, {kind}"
        axis.plot(at, list(published.values()), marker, color="0.55", ls="", ms=6, label=label, zorder=0)
    axis.set(xscale="log", yscale="log", xlabel="components K", ylabel="perplexity / baseline")
    axis.set_title("Running on K components of Δφ")
    axis.legend(frameon=False, fontsize=8)
    return figure
