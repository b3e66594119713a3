"""The figure of the audit: how far printed figures lie from those that follow from others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure

from semphase.science.audit import Document, cvfp_findings, cvfp_prose, exp3, exp6, exp7, load
from semphase.science.audit import cvfp_tables as cvfp
from semphase.science.audit.agreement import Comparison

if TYPE_CHECKING:
    from semphase.study import JointStudy

COMPARED: tuple[tuple[str, str, Callable[[Document], Comparison]], ...] = (
    ("exp3 statistics", "000", exp3.statistics),
    ("exp3 profile", "000", exp3.profile),
    ("exp3 D = σ²/2", "000", exp3.diffusion),
    ("exp6 ratios", "001", exp6.ratios),
    ("exp6 variance left", "001", exp6.remaining_variance),
    ("exp6 variance added", "001", exp6.added_variance),
    ("exp8 p of 1/√π", "001", exp6.likelihood_ratio),
    ("exp8 widths", "001", exp6.pi_constants),
    ("exp7 ratios", "002", exp7.ratios),
    ("exp7 shares", "002", exp7.shares),
    ("exp7 norms in prose", "002", exp7.norm_range),
    ("exp7 middle layers", "002", exp7.middle_ranges),
    ("exp7 K for 1.1", "002", exp7.ratio_at_512),
    ("CVFP averages", "003", cvfp.averages),
    ("CVFP repeats", "003", cvfp.repeats),
    ("CVFP gaps", "003", cvfp.gaps),
    ("CVFP tokens", "003", cvfp_prose.token_counts),
    ("CVFP 004 gains", "004", cvfp_findings.gains),
    ("CVFP 004 scaling", "004", cvfp_findings.scaling),
    ("CVFP 004 errors", "004", cvfp_findings.parallel_errors),
    ("CVFP 004 rank", "004", cvfp_findings.rank_range),
    ("CVFP 004 repeats", "004", cvfp_findings.repeats),
)
_LEFT = 0.02
"""Where deviations that are smaller, such as 0, are drawn on the logarithmic axis."""


def audit_deviations(_: JointStudy) -> Figure:
    """Deviation of every compared figure from what follows from others, in units of its rounding allowance."""
    figure = Figure(figsize=(8, 6.4), layout="constrained")
    axis = figure.subplots()
    for place, (_name, number, check) in enumerate(COMPARED):
        deviations = np.maximum(check(load(number)).deviations, _LEFT)
        colours = np.where(deviations > 1, "#b2182b", "#777777")
        axis.scatter(deviations, np.full(len(deviations), place), c=colours.tolist(), s=18, alpha=0.6, linewidths=0)
    axis.axvline(1, color="black", lw=1)
    axis.set_yticks(range(len(COMPARED)), [f"{name} ({number})" for name, number, _check in COMPARED], fontsize=8)
    axis.invert_yaxis()
    axis.set(xscale="log", xlabel="deviation in rounding allowances; right of 1 no rounding explains it")
    figure.suptitle("Printed figures against the figures that they follow from", fontsize=11)
    return figure


AUDIT_MAKERS: Mapping[str, Callable[[Any], Figure]] = {"audit-deviations": audit_deviations}
