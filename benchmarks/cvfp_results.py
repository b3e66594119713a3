"""The results of the CVFP benchmark as lines of Markdown."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

FORMS = ("tokens", "sequential, s", "parallel, s", "times faster")
TRAINING = ("tokens", "method", "phase 1, tokens/s", "phase 2, tokens/s", "peak MiB", "nats after the last epoch")


@dataclass(frozen=True)
class Size:
    """What was found for one number of tokens."""

    tokens: int
    contexts: Mapping[str, Any]
    cache: Mapping[str, Any]
    library: Mapping[str, Any]
    plain: Mapping[str, Any]


def markdown(facts: Mapping[str, Any], machine: Mapping[str, Any], sizes: Sequence[Size]) -> str:
    """Everything, with model, text and machine."""
    memory = f"{machine['memory'] / 2**30:.0f} GiB" if machine["memory"] else "unknown memory"
    lines = [
        f"# The context-vector fixed-point model, {facts['configuration']}: {facts['model']}, {facts['corpus']}",
        "",
        f"{facts['types']} types; float32. {machine['cpu']}, {machine['cores']} cores, {memory}, {machine['system']}; "
        f"torch {facts['torch']}, {facts['threads']} threads; {time.strftime('%Y-%m-%d')}.",
    ]
    lines += [
        "",
        "Contexts of the block that phase 1 gives:",
        "",
        *_grid(FORMS, [_forms(s.tokens, s.contexts) for s in sizes]),
    ]
    told = (f"{s.contexts['iterations']} ({s.contexts['cosine']:.4f})" for s in sizes)
    lines += ["", f"Iterations of the parallel form, with its mean cosine to the sequential one: {', '.join(told)}."]
    lines += ["", "The cache of layer outputs:", "", *_grid(FORMS, [_forms(s.tokens, s.cache) for s in sizes])]
    worst = max(s.cache["difference"] for s in sizes)
    lines += ["", f"Largest difference of the two caches: {worst:.1e}.", "", "Training:", ""]
    rows = [
        _training(facts, s.tokens, *each) for s in sizes for each in (("library", s.library), ("plain loop", s.plain))
    ]
    lines += [*_grid(TRAINING, rows), ""]
    return "\n".join([*lines, "Written by `nox -s bench -- --cvfp`; [README.md](README.md) says what is compared.", ""])


def _forms(tokens: int, found: Mapping[str, Any]) -> list[str]:
    slow, fast = found["seconds"]
    return [f"{tokens:,}", f"{slow:.3g}", f"{fast:.3g}", f"{slow / fast:.3g}"]


def _training(facts: Mapping[str, Any], tokens: int, name: str, found: Mapping[str, Any]) -> list[str]:
    first, second = found["seconds"]
    speeds = (tokens * facts["iterations"] / first, tokens * facts["epochs"] / second)
    return [f"{tokens:,}", name, *[f"{speed:,.0f}" for speed in speeds], f"{found['mib']:.0f}", f"{found['nats']:.4f}"]


def _grid(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    marks = ["---:"] * len(heads)
    return ["| " + " | ".join(row) + " |" for row in (heads, marks, *rows)]
