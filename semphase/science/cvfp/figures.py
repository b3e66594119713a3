"""Figures of the CVFP language model: scaling lines, maps of configurations, convergence, spectra of contexts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from semphase.science.cvfp.trainings import Drawn

if TYPE_CHECKING:
    from semphase.science.cvfp.grids import Measured
    from semphase.study import Study

COLOURS = ("#2166ac", "#e08214", "#b2182b")
"""Of one, two and three input tokens."""
STYLES = ("-", "--", ":")
"""Of one, two and three layers."""


def cvfp_scaling(study: Study) -> Figure:
    """Validation PPL against training tokens: nine configurations with intervals and lines, and what controls reach."""
    cvfp = study.cvfp
    matrix = cvfp.matrix
    figure = Figure(figsize=(10.6, 4.8), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    for (i, j), colour, style in _cells(matrix):
        _line(left, matrix, (i, j), colour, style, f"{matrix.grid.layers[i]}L {matrix.grid.tokens[j]}tok")
    left.set_title("fixed-point contexts")
    for i, style in enumerate(STYLES):
        _line(right, matrix, (i, 1), COLOURS[1], style, f"fixed point, {i + 1}L 2tok")
        _line(right, cvfp.reservoir, (i, 1), "0.5", style, f"untrained contexts, {i + 1}L 2tok")
    _line(right, cvfp.shuffled, (0, 0), "#1b7837", "-.", "trained on shuffled text, 1L 2tok")
    _line(right, cvfp.bigram, (0, 0), "#762a83", "-.", "no context, 1 token")
    right.set_title("two tokens beside the controls")
    for axis in (left, right):
        axis.set(xscale="log", yscale="log", xlabel="training tokens")
        axis.legend(frameon=False, fontsize=7, ncols=1)
    left.set_ylabel("validation perplexity")
    figure.suptitle(f"Scaling of CVFP models on the embedding of {study.label}; lines: PPL = A · n^α", fontsize=11)
    return figure


def cvfp_maps(study: Study) -> Figure:
    """α and best PPL by layers and input tokens, with intervals, as the source draws them."""
    matrix = study.cvfp.matrix
    figure = Figure(figsize=(9.6, 3.9), layout="constrained")
    drawn = (("α", matrix.law("alpha"), "{:.3f}"), ("best validation PPL", matrix.best.of(np.exp), "{:.4g}"))
    for axis, (name, numbers, form) in zip(figure.subplots(1, 2), drawn, strict=True):
        _map(figure, axis, matrix, numbers, form)
        axis.set_title(name)
    figure.suptitle(f"CVFP configurations on the embedding of {study.label}", fontsize=11)
    return figure


def cvfp_convergence(study: Study) -> Figure:
    """Share of converged tokens by iteration of phase 1 at the largest size, every seed."""
    matrix = study.cvfp.matrix
    figure = Figure(figsize=(10.6, 3.8), layout="constrained")
    axes = figure.subplots(1, len(matrix.grid.layers), sharey=True)
    for axis, layers in zip(axes, matrix.grid.layers, strict=True):
        axis.axhline(matrix.grid.recipe.share, color="0.5", lw=1, ls="--")
        axis.set(title=f"{layers} layer{'s' * (layers > 1)}", xlabel="iteration")
    for (i, j), colour, _ in _cells(matrix):
        for seed, own in enumerate(matrix.at_largest((i, j))):
            share = own["converged"].values.mean(axis=1)
            label = f"{matrix.grid.tokens[j]} token{'s' * (j > 0)}" if seed == 0 else None
            axes[i].plot(np.arange(1, len(share) + 1), share, color=colour, lw=1.3, label=label)
    axes[0].set_ylabel("share of tokens that have converged")
    axes[0].legend(frameon=False, fontsize=8)
    figure.suptitle(f"Phase 1 at the largest size, {study.label}; dashed: where it ends", fontsize=11)
    return figure


def cvfp_spectra(study: Study) -> Figure:
    """Normalised singular values of the validation contexts at the largest size, and the effective ranks."""
    cvfp = study.cvfp
    matrix, first = cvfp.matrix, cvfp.first_only
    figure = Figure(figsize=(10.6, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    for (i, j), colour, style in _cells(matrix):
        label = f"{matrix.grid.layers[i]}L {matrix.grid.tokens[j]}tok"
        _spectrum(left, matrix.at_largest((i, j))[0], colour, style, label)
    _spectrum(left, first.at_largest((0, 0))[0], "black", "-.", "3L 1tok, token in the first layer only")
    left.set(yscale="log", xlabel="component", ylabel="singular value / sum", title="spectra, first seed")
    left.legend(frameon=False, fontsize=7, ncols=2)
    rank = matrix.rank("validation").of(lambda values: 100 * values[..., -1])
    _map(figure, right, matrix, rank, "{:.1f} %")
    right.set_title("effective rank of the validation contexts (%)")
    figure.suptitle(f"Contexts of CVFP models at the largest size, {study.label}", fontsize=11)
    return figure


def _cells(measured: Measured) -> list[tuple[tuple[int, int], str, str]]:
    places = measured.configurations.values()
    return [((i, j), COLOURS[j], STYLES[i]) for i, j in places]


def _line(axis: Axes, measured: Measured, at: tuple[int, int], colour: str, style: str, label: str) -> None:
    """Points with intervals, and the power law through them."""
    own = measured.log_ppl.at(at)
    low, high = np.percentile(own.draws, [2.5, 97.5], axis=0)
    law = measured.laws
    value = np.exp(own.point)
    ends = np.clip([value - np.exp(low), np.exp(high) - value], 0, None)
    axis.errorbar(measured.tokens, value, yerr=ends, fmt="o", ms=3, lw=0.8, color=colour, alpha=0.7)
    fitted = np.exp(law.log_a[at] + law.alpha[at] * np.log(measured.tokens))
    axis.plot(
        measured.tokens,
        fitted,
        style,
        color=colour,
        lw=1.3,
        label=f"{label}: α = {law.alpha[at]:.3f}".replace("-", "−"),
    )


def _map(figure: Figure, axis: Axes, measured: Measured, numbers: Drawn, form: str) -> None:
    image = axis.imshow(numbers.point, cmap="viridis", aspect="auto")
    figure.colorbar(image, ax=axis)
    middle = (numbers.point.min() + numbers.point.max()) / 2
    for i, j in measured.configurations.values():
        own = numbers.at((i, j)).estimate()
        text = f"{form.format(own.value)}\n[{form.format(own.low)}, {form.format(own.high)}]".replace("-", "−")
        colour = "black" if own.value > middle else "white"
        axis.text(j, i, text, ha="center", va="center", fontsize=8, color=colour)
    axis.set(xlabel="input tokens", ylabel="layers", xticks=range(3), yticks=range(3))
    axis.set_xticklabels([str(tokens) for tokens in measured.grid.tokens])
    axis.set_yticklabels([str(layers) for layers in measured.grid.layers])


def _spectrum(axis: Axes, found: Any, colour: str, style: str, label: str) -> None:
    values = found["singular_values"].sel(split="validation").values
    axis.plot(
        np.arange(1, len(values) + 1), np.where(values > 0, values, np.nan), style, color=colour, lw=1.2, label=label
    )


CVFP_MAKERS: Mapping[str, Callable[[Any], Figure]] = {
    "cvfp-scaling": cvfp_scaling,
    "cvfp-maps": cvfp_maps,
    "cvfp-convergence": cvfp_convergence,
    "cvfp-spectra": cvfp_spectra,
}
