"""Figures of what layers write: components by layer, and perplexity on few of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure

from semphase.science.writes.spectra import SOURCE_D

if TYPE_CHECKING:
    from semphase.science.writes.writes import Kind
    from semphase.study import Study

COLOURS = {"whole block": "black", "attention": "#b2182b", "MLP": "#2166ac"}
PUBLISHED = {
    "individual": ("x", {8: 144.9, 16: 121.8, 32: 71.9, 64: 54.1, 128: 29.3, 256: 8.3, 512: 1.49, 768: 1.0}),
    "shared": ("+", {8: 136.0, 16: 383.4, 32: 463.2, 64: 431.7, 128: 319.3, 256: 178.7, 512: 7.0, 768: 1.0}),
}
"""Perplexity ratios of gpt2 by number of components (002, exp7 D)."""


def writes_spectra(study: Study) -> Figure:
    """K(90 %) of what each block, its attention and its MLP write, with position 0 and without it."""
    figure = Figure(figsize=(6.8, 4.2), layout="constrained")
    axis = figure.subplots()
    measured = study.writes.spectra
    whole, parts = measured.ranks().raw, measured.part_ranks
    blocks = np.arange(whole.shape[1])
    for at, style, name in ((0, "-", "with position 0"), (1, "--", "without")):
        curves = zip(COLOURS.items(), (whole[at], *parts[at]), strict=True)
        for (part, colour), curve in curves:
            axis.plot(blocks, curve, style, color=colour, marker="o", ms=3, lw=1.4, label=f"{part}, {name}")
    axis.set(title=f"Principal components with 90 % of Δφ's variance, {study.label}", xlabel="block", ylabel="K(90 %)")
    axis.legend(frameon=False, fontsize=8, ncols=2)
    return figure


def writes_inference(study: Study) -> Figure:
    """Perplexity over the baseline's when every block writes in K components; gpt2 as published in grey."""
    figure = Figure(figsize=(6.8, 4.2), layout="constrained")
    axis = figure.subplots()
    writes = study.writes
    kinds: tuple[Kind, ...] = ("individual", "shared")
    for kind, colour in zip(kinds, ("#2166ac", "#b2182b"), strict=True):
        found = [writes.ratio(kind, k) for k in writes.grid]
        values = np.array([own.value for own in found])
        ends = np.array([[own.value - own.low, own.high - own.value] for own in found]).T
        axis.errorbar(writes.grid, values, yerr=ends, color=colour, marker="o", ms=4, lw=1.4, label=f"{kind} bases")
        marker, published = PUBLISHED[kind]
        at = [k * writes.d / SOURCE_D for k in published]
        label = f"gpt2 in the source, {kind}"
        axis.plot(at, list(published.values()), marker, color="0.55", ls="", ms=6, label=label, zorder=0)
    axis.set(xscale="log", yscale="log", xlabel="components K", ylabel="perplexity / baseline")
    axis.set_title(f"Running on K components of Δφ, {study.label}")
    axis.legend(frameon=False, fontsize=8)
    return figure


WRITE_MAKERS: Mapping[str, Callable[[Any], Figure]] = {
    "writes-spectra": writes_spectra,
    "writes-inference": writes_inference,
}
