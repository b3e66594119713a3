"""The figure of the query-key weights: variance and perplexity against the number of components."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

SOURCE_HEADS = 144
SOURCE = {10: (0.52, 40), 32: (0.71, 19), 100: (0.95, 4.2), 130: (0.991, 2.2), 140: (0.997, 1.07), 144: (1.0, 1.0)}
"""001, exp6: cumulative variance and perplexity ratio of gpt2 at K of 144."""
FORMS = {"registered": ("#b2182b", "W_QᵀW_K, as registered"), "basis-free": ("#2166ac", "W_Q W_Kᵀ, basis-free")}


def wqk_spectrum(detail: Mapping[str, Any]) -> Figure:
    """Cumulative variance and perplexity ratio over K, both forms, with the source's gpt2 scaled to the heads."""
    figure = Figure(figsize=(10, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    heads = len(detail["spectra"]["registered"]["cumulative variance"])
    for form, (colour, name) in FORMS.items():
        own = detail["spectra"][form]
        left.plot(np.arange(1, heads + 1), own["cumulative variance"], color=colour, lw=1.6, label=name)
        _ratios(right, own, colour, name)
    scaled = [count * heads / SOURCE_HEADS for count in SOURCE]
    for axis, part in ((left, 0), (right, 1)):
        values = [pair[part] for pair in SOURCE.values()]
        axis.plot(scaled, values, "x", color="0.55", label="gpt2 in 001, scaled by heads")
        axis.set_xlabel(f"components K of {heads}")
        axis.legend(frameon=False, fontsize=8)
    left.set(ylabel="cumulative variance", ylim=(0, 1.02))
    right.axhline(1.1, color="0.4", ls=":", lw=1)
    right.set(ylabel="perplexity ratio", yscale="log")
    figure.suptitle("Query-key weights rebuilt from K components", fontsize=11)
    return figure


def _ratios(axis: Axes, own: Mapping[str, Any], colour: str, name: str) -> None:
    """The numbers of components that the claims measure, with 95 % intervals."""
    low, values, high = (np.array([item[end] for item in own["ratios"]]) for end in ("low", "value", "high"))
    spread = [values - low, high - values]
    axis.errorbar(own["components"], values, yerr=spread, color=colour, marker="o", ms=3, lw=1.2, capsize=2, label=name)
