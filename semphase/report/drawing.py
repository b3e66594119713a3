"""Figures of a verdict: each is drawn from its detail and saved under `figures/LABEL/CLAIM/NAME.png`."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from semphase.files import write_or_refuse

Drawing = Callable[[Mapping[str, Any]], Any]
"""A named function of a verdict's detail, as the report holds it, that returns a matplotlib Figure."""


def draw(
    figures: Sequence[Drawing], detail: Mapping[str, Any], claim: str, label: str, folder: Path
) -> tuple[list[str], list[str]]:
    """Draw the figures of a claim; returns their paths relative to `folder`, and a notice for each that failed.

    Raises SemphaseError for a disk that refuses.
    """
    paths, notices = [], []
    for figure in figures:
        name = figure.__name__.replace("_", "-")
        relative = f"figures/{label.replace('/', '--') or 'no-model'}/{claim}/{name}.png"
        try:
            image = _image(figure(detail), f"{claim} · {label}" if label else claim)
        except Exception as problem:
            notices.append(f"the figure {name} of {claim} could not be drawn: {type(problem).__name__}: {problem}")
            continue
        write_or_refuse(folder / relative, image, "the figure")
        paths.append(relative)
    return paths, notices


def _image(figure: Any, caption: str) -> bytes:
    """The figure as PNG, with whose it is in the corner."""
    figure.text(0.998, 0.002, caption, ha="right", va="bottom", fontsize=6, color="0.5")
    image = io.BytesIO()
    figure.savefig(image, format="png", dpi=110, metadata={"Software": None})
    figure.clear()
    return image.getvalue()
