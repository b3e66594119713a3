"""Figures of a verdict: each is drawn from its detail and saved under `figures/LABEL/CLAIM/NAME.png`.

A drawing takes up to a second, so a repeated run takes the images of the last one: they are kept by the hash of all that
is drawn, and by whom.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from semphase.code import code_hash, own_sources
from semphase.errors import SemphaseError
from semphase.files import write_atomically, write_or_refuse

Drawing = Callable[[Mapping[str, Any]], Any]
"""A named function of a verdict's detail, as the report holds it, that returns a matplotlib Figure."""
SIGNATURE = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True, slots=True)
class Drawn:
    """The figures of a claim: for each path in the report the name of the image that is kept, and who could not be drawn.

    The name is empty for an image that is not kept: nothing tells its drawing from others, or the store takes nothing.
    """

    images: dict[str, str] = field(default_factory=dict)
    notices: list[str] = field(default_factory=list)

    @property
    def all_kept(self) -> bool:
        """Are all of them there for later runs?"""
        return not self.notices and all(self.images.values())


def draw(
    figures: Sequence[Drawing], detail: Mapping[str, Any], claim: str, label: str, folder: Path, kept: Path
) -> Drawn:
    """Draw the figures of a claim below `folder`, with a notice for each that failed.

    `kept` is the folder of the images of earlier runs. Raises SemphaseError for a disk that refuses.
    """
    drawn = Drawn()
    for figure in figures:
        name = figure.__name__.replace("_", "-")
        relative = f"figures/{label.replace('/', '--') or 'no-model'}/{claim}/{name}.png"
        try:
            image, own = _kept(figure, detail, f"{claim} · {label}" if label else claim, kept)
        except SemphaseError:
            raise
        except Exception as problem:
            drawn.notices.append(
                f"the figure {name} of {claim} could not be drawn: {type(problem).__name__}: {problem}"
            )
            continue
        write_or_refuse(folder / relative, image, "the figure")
        drawn.images[relative] = own
    return drawn


def drawn_before(images: Mapping[str, str], folder: Path, kept: Path) -> bool:
    """Put images of an earlier run in their places below `folder`; False, and nothing done, where one is not there whole.

    Raises SemphaseError for a disk that refuses.
    """
    try:
        found = {relative: (kept / name).read_bytes() for relative, name in images.items()}
    except OSError:
        return False
    if not all(map(_whole, found.values())):
        return False
    for relative, image in found.items():
        write_or_refuse(folder / relative, image, "the figure")
    return True


def _kept(figure: Drawing, detail: Mapping[str, Any], caption: str, kept: Path) -> tuple[bytes, str]:
    """The image of an earlier run, or a new one, which is kept by a name where its drawing can be told from others."""
    identity = _identity(figure, detail, caption)
    if identity is None:
        return _image(figure(detail), caption), ""
    path = kept / f"{identity}.png"
    with contextlib.suppress(OSError):
        if _whole(image := path.read_bytes()):
            return image, path.name
    image = _image(figure(detail), caption)
    try:
        write_atomically(path, image)
    except OSError:
        # The report has it; a store that takes nothing is no reason to have none.
        return image, ""
    return image, path.name


def _whole(image: bytes) -> bool:
    """Is a PNG what was written, by the checksums of its parts?"""
    place, name = len(SIGNATURE), b""
    if not image.startswith(SIGNATURE):
        return False
    while name != b"IEND" and place < len(image):
        end = place + 8 + int.from_bytes(image[place : place + 4])
        name = image[place + 4 : place + 8]
        if zlib.crc32(image[place + 4 : end]) != int.from_bytes(image[end : end + 4]):
            return False
        place = end + 4
    return name == b"IEND" and place == len(image)


def _identity(figure: Drawing, detail: Mapping[str, Any], caption: str) -> str | None:
    """SHA-256 of all that an image depends on; None for a drawing whose source cannot be read."""
    try:
        drawing = code_hash(figure)
    except SemphaseError:
        return None
    told = [figure.__module__, figure.__name__, drawing, own_sources(), _matplotlib(), caption, detail]
    return hashlib.sha256(json.dumps(told, default=repr).encode()).hexdigest()


@cache
def _matplotlib() -> str:
    return metadata.version("matplotlib")


def _image(figure: Any, caption: str) -> bytes:
    """The figure as PNG, with whose it is in the corner."""
    figure.text(0.998, 0.002, caption, ha="right", va="bottom", fontsize=6, color="0.5")
    image = io.BytesIO()
    figure.savefig(image, format="png", dpi=110, metadata={"Software": None})
    figure.clear()
    return image.getvalue()
