"""Figures of recovery: accuracy against operations, and tokens per second."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure

Detail = Mapping[str, Any]
LOOKS = {
    "unmodified": ("#2166ac", "o-"),
    "lightened": ("#b2182b", "o-"),
    "random heads": ("0.5", "o-"),
    "lightened, shuffled feedback": ("#e08214", "s--"),
    "lightened, feedback of another item": ("#762a83", "s:"),
    "lightened, best of samples": ("#1b7837", "^-"),
}


def accuracy_flops(detail: Detail) -> Figure:
    """Accuracy against FLOPs of an item, one panel a task, one line a way of answering; points are rounds or samples."""
    answers = detail["answers"]
    tasks = list(next(iter(answers.values())))
    figure = Figure(figsize=(4.2 * len(tasks), 4.2), layout="constrained")
    axes = figure.subplots(1, len(tasks), sharey=True, squeeze=False)[0]
    for axis, task in zip(axes, tasks, strict=True):
        for name, by_task in answers.items():
            colour, style = LOOKS.get(name, ("0.3", "d-"))
            points = by_task[task]
            axis.plot(
                [own["FLOPs"] for own in points], [own["accuracy"] for own in points], style, color=colour, label=name
            )
        axis.set(xscale="log", xlabel="FLOPs of an item", title=task, ylim=(-0.02, 1.02))
    axes[0].set_ylabel("exact matches")
    axes[0].legend(frameon=False, fontsize=8)
    figure.suptitle("Accuracy and what it costs", fontsize=11)
    return figure


def decoding_speed(detail: Detail) -> Figure:
    """Tokens per second of both models at every batch and context, median with the slowest and the fastest run."""
    figure = Figure(figsize=(7.2, 4.2), layout="constrained")
    axis = figure.subplots()
    rates = detail["tokens per second"]
    for shift, kind in zip((-0.2, 0.2), next(iter(rates.values())), strict=True):
        runs = np.array([own[kind] for own in rates.values()], dtype=float)
        middle = np.median(runs, axis=1)
        spread = np.abs(np.stack([runs.min(axis=1), runs.max(axis=1)]) - middle)
        axis.bar(np.arange(len(rates)) + shift, middle, 0.38, yerr=spread, capsize=3, label=kind)
    axis.set_xticks(np.arange(len(rates)), [name.removeprefix("ratio at ") for name in rates], fontsize=8)
    axis.set(ylabel="tokens per second", yscale="log", title="Speed of generation")
    axis.legend(frameon=False)
    return figure
