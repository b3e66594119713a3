"""Figures of the query-key weights: variance and perplexity against the number of components."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from semphase.science.wqk.basis import HEADS, Form

if TYPE_CHECKING:
    from semphase.study import Study

SOURCE = {10: (0.52, 40), 32: (0.71, 19), 100: (0.95, 4.2), 130: (0.991, 2.2), 140: (0.997, 1.07), 144: (1.0, 1.0)}
"""001, exp6: cumulative variance and perplexity ratio of gpt2 at K of 144."""
FORMS: tuple[tuple[Form, str, str], ...] = (
    ("registered", "#b2182b", "W_QᵀW_K, as registered"),
    ("basis-free", "#2166ac", "W_Q W_Kᵀ, basis-free"),
)


def wqk_spectrum(study: Study) -> Figure:
    """Cumulative variance and perplexity ratio over K, both forms, with the source's gpt2 scaled to the heads."""
    figure = Figure(figsize=(10, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    heads = study.weights.heads
    for form, colour, name in FORMS:
        cumulative = study.weights.basis(form).cumulative
        left.plot(np.arange(1, heads + 1), cumulative, color=colour, lw=1.6, label=name)
        _ratios(right, study, form, colour, name)
    scaled = [count * heads / HEADS for count in SOURCE]
    for axis, part in ((left, 0), (right, 1)):
        values = [pair[part] for pair in SOURCE.values()]
        axis.plot(scaled, values, "x", color="0.55", label="gpt2 in 001, scaled by heads")
        axis.set_xlabel(f"components K of {heads}")
        axis.legend(frameon=False, fontsize=8)
    left.set(ylabel="cumulative variance", ylim=(0, 1.02))
    right.axhline(1.1, color="0.4", ls=":", lw=1)
    right.set(ylabel="perplexity ratio", yscale="log")
    figure.suptitle(f"Query-key weights rebuilt from K components, {study.label}", fontsize=11)
    return figure


def _ratios(axis: Axes, study: Study, form: Form, colour: str, name: str) -> None:
    """The numbers of components that the claims measure, with 95 % intervals."""
    own = study.weights
    counts = sorted({*own.grid, own.components(0.99, form), own.components(0.997, form)})
    found = [own.ratio("leading", count, form) for count in counts]
    values = np.array([item.value for item in found])
    spread = np.abs(np.array([[item.low, item.high] for item in found]).T - values)
    axis.errorbar(counts, values, yerr=spread, color=colour, marker="o", ms=3, lw=1.2, capsize=2, label=name)


WEIGHT_MAKERS: Mapping[str, Callable[[Any], Figure]] = {"wqk-spectrum": wqk_spectrum}
