"""The figure of an audit: how far printed figures lie from those that follow from others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure

_LEFT = 0.02
"""Where deviations that are smaller, such as 0, are drawn on the logarithmic axis."""


def audit_deviations(detail: Mapping[str, Any]) -> Figure:
    """Deviation of every compared figure from what follows from others, in units of its rounding allowance."""
    deviations = np.sort(np.maximum(np.asarray(detail["deviations"], dtype=float), _LEFT))
    figure = Figure(figsize=(6.4, 3.6), layout="constrained")
    axis = figure.subplots()
    colours = np.where(deviations > 1, "#b2182b", "#777777")
    axis.scatter(deviations, np.arange(1, len(deviations) + 1), c=colours.tolist(), s=18, alpha=0.6, linewidths=0)
    axis.axvline(1, color="black", lw=1)
    axis.set(xscale="log", xlabel="deviation in rounding allowances; right of 1 no rounding explains it")
    axis.set(ylabel="printed figures, by deviation")
    figure.suptitle("Printed figures against the figures that they follow from", fontsize=11)
    return figure
