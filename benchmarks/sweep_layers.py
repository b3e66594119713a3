"""Sweeps over the layers, for each kind of edit beside the same sweep over one head of each layer: seconds and ratios.

python benchmarks/sweep_layers.py [MODEL] [ROUNDS]: rounds are interleaved, medians count, every sweep has an empty store.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import median

import numpy as np
from rich.console import Console
from rich.table import Table

from semphase import (
    ALL,
    Edit,
    Prompts,
    Study,
    added,
    attention,
    averaged,
    form,
    head,
    hidden_keys,
    key,
    mlp,
    neurons,
    patched,
    pattern,
    query,
    resampled,
    set_to,
    skipped,
    stream,
    value,
    without,
    zeroed,
)  # fmt: skip
from semphase.data import corpus, lexicon
from semphase.models import fixture, load
from semphase.store import Store
from semphase.study.budget import BUDGETS
from semphase.study.subject import Trained

PROMPTS, LENGTH = 8, 16


def kinds(study: Study, prompts: Prompts) -> dict[str, Callable[[int], Edit]]:
    """An edit of each kind at a layer."""
    direction = np.random.default_rng(0).normal(size=study.model.d_model)
    run = study.prompts(prompts)
    return {
        "zeroed(head)": lambda layer: zeroed(head(layer, 0)),
        "zeroed(stream)": lambda layer: zeroed(stream(layer)),
        "zeroed(attention)": lambda layer: zeroed(attention(layer)),
        "zeroed(mlp)": lambda layer: zeroed(mlp(layer)),
        "set_to(neurons)": lambda layer: set_to(neurons(layer), 3, 1.0),
        "zeroed(query)": lambda layer: zeroed(query(layer, 0)),
        "zeroed(key)": lambda layer: zeroed(key(layer, 0)),
        "zeroed(value)": lambda layer: zeroed(value(layer, 0)),
        "zeroed(pattern)": lambda layer: zeroed(pattern(layer, 0)),
        "averaged(mlp)": lambda layer: averaged(mlp(layer), over=run),
        "resampled(mlp)": lambda layer: resampled(mlp(layer), run),
        "patched(stream)": lambda layer: patched(stream(layer, positions=slice(3, 9)), study.prompts(prompts[::-1])),
        "added(stream)": lambda layer: added(stream(layer), direction),
        "without(stream)": lambda layer: without(stream(layer), direction),
        "form(head)": lambda layer: form(head(layer, 0), "relu"),
        "hidden_keys": lambda layer: hidden_keys(layer, ALL, query="at", key=1),
        "skipped": lambda layer: skipped(layer),
    }


def seconds(study: Study, prompts: Prompts, kind: str) -> float:
    """One sweep over the layers, losses read."""
    with tempfile.TemporaryDirectory() as folder:
        own = replace(study, store=Store(Path(folder)))
        own.prompts(prompts, zeroed(mlp(0))).logits()  # the preflight
        edit = kinds(own, prompts)[kind]
        begun = time.perf_counter()
        own.sweep(prompts, {layer: edit(layer) for layer in range(study.model.layers)}, read="losses")
        return time.perf_counter() - begun


def main(name: str = "tiny", rounds: str = "5") -> None:
    """Print the table."""
    draw = np.random.default_rng(0)
    study = Study(
        Trained(load(name)), lexicon.load(fixture("lexicon/grammar.toml")), corpus.load("grammar"), BUDGETS["quick"], 0,
        Store(Path(tempfile.mkdtemp())),
    )  # fmt: skip
    prompts = Prompts.of_tokens("drawn", draw.integers(10, 200, size=(PROMPTS, LENGTH)))
    found: dict[str, list[float]] = {kind: [] for kind in kinds(study, prompts)}
    for turn in range(int(rounds) + 1):
        for kind, times in found.items():
            took = seconds(study, prompts, kind)
            times += [took] if turn else []  # the first round warms up
    table = Table("edit at each layer", "seconds", "of heads' sweep", title=f"{name}, {study.model.layers} layers")
    base = median(found["zeroed(head)"])
    for kind, times in found.items():
        table.add_row(kind, f"{median(times):.3f}", f"{median(times) / base:.2f}")
    Console().print(table)


if __name__ == "__main__":
    main(*sys.argv[1:])
