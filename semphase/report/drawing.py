"""Figures of a study: each is drawn once and saved under `figures/LABEL/NAME.png`."""

from __future__ import annotations

import io
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from semphase.errors import SemphaseError
from semphase.files import write_or_refuse


def draw(names: Iterable[str], study: Any, folder: Path) -> list[str]:
    """Draw what is not there yet; returns the paths relative to `folder`.

    Raises SemphaseError for a name that nobody draws and for a disk that refuses.
    """
    label = str(study.label or "no-model").replace("/", "--")
    paths = {name: f"figures/{label}/{name}.png" for name in names}
    for name, relative in paths.items():
        if not (folder / relative).exists():
            _save(name, study, folder / relative)
    return list(paths.values())


def _save(name: str, study: Any, path: Path) -> None:
    from semphase.science.lexical.figures import MAKERS

    if name not in MAKERS:
        raise SemphaseError(f"nobody draws a figure {name!r}: add it to semphase.science.lexical.figures.MAKERS")
    figure = MAKERS[name](study)
    image = io.BytesIO()
    figure.savefig(image, format="png", dpi=110, metadata={"Software": None})
    figure.clear()
    write_or_refuse(path, image.getvalue(), "the figure")
