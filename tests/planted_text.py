"""Studies whose text and losses are planted: what claims on perplexity are tried on where nothing is run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from semphase.data.corpus import Corpus
from semphase.data.corpus import load as load_corpus
from semphase.data.lexicon import Lexicon
from semphase.data.lexicon import load as load_lexicon
from semphase.models import Model, fixture, load
from semphase.stats.blocks import BLOCK, BlockLosses
from semphase.store import Store
from semphase.study import Study
from semphase.study.budget import Budget
from semphase.study.subject import Trained, Untrained
from semphase.study.text import Reading

BUDGET = Budget("planted", simulations=20, tokens=2048)
BLOCKS = 32
BASE = 3.0
"""Mean loss of the unchanged model, nats per token."""


def planted_losses(extra: float, seed: int, noise: float = 0.05) -> BlockLosses:
    """Losses `extra` nats per token above the baseline's, which scatter by `noise` from block to block."""
    counts = np.full(BLOCKS, BLOCK)
    base = BASE + 0.2 * np.random.default_rng(7).normal(size=BLOCKS)
    apart = extra + noise * np.random.default_rng([11, seed]).normal(size=BLOCKS)
    return BlockLosses((base + (apart if seed else 0.0)) * counts, counts)


def copy_of(study: Study) -> int | None:
    """Which untrained copy a study is of; None for the model."""
    return study.subject.seed if isinstance(study.subject, Untrained) else None


@contextmanager
def planted_study(folder: Path, **changes: int) -> Iterator[Study]:
    """A study of the tiny model, of other sizes if told, whose baseline is planted and whose copies are never built."""
    model, lexicon, corpus = replace(_tiny(), **changes), *_texts()

    def unbuilt(parent: Model, seed: int) -> Model:
        return replace(parent, name=f"copy {seed}")

    def baseline(_reading: Reading, _half: str) -> BlockLosses:
        return planted_losses(0.0, seed=0)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("semphase.study.subject.reinitialised", unbuilt)
        patch.setattr(Reading, "baseline", baseline)
        yield Study(Trained(model), lexicon, corpus, BUDGET, 0, Store(folder))


@cache
def _tiny() -> Model:
    return load("tiny", device="cpu")


@cache
def _texts() -> tuple[Lexicon, Corpus]:
    return load_lexicon(fixture("lexicon/grammar.toml")), load_corpus("grammar")


Extra = Callable[..., float]
"""By how many nats per token a condition raises the loss."""
