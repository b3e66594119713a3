"""Fixtures: studies of small models with stores of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from random_models import random_model

from semphase.data.corpus import Corpus
from semphase.data.corpus import load as load_corpus
from semphase.data.lexicon import Lexicon
from semphase.data.lexicon import load as load_lexicon
from semphase.models import Model, fixture, load
from semphase.store import Store
from semphase.study import Study
from semphase.study.budget import Budget
from semphase.study.owner import Progress
from semphase.study.subject import Trained

SHORT = Budget("short", simulations=20)


@pytest.fixture(scope="session")
def lexicon() -> Lexicon:
    """Three words of the tiny models' language."""
    return Lexicon(load_lexicon(fixture("lexicon/grammar.toml")).words[:3])


@pytest.fixture(scope="session")
def corpus() -> Corpus:
    return replace(load_corpus("grammar"), text=load_corpus("grammar").text[:20_000])


def golden_study(folder: Path) -> Study:
    """A study of the tiny model on a little of its own language, for numbers that are kept."""
    lexicon = Lexicon(load_lexicon(fixture("lexicon/grammar.toml")).words[:3])
    corpus = replace(load_corpus("grammar"), text=load_corpus("grammar").text[:20_000])
    return Study(Trained(load("tiny", device="cpu")), lexicon, corpus, SHORT, 0, Store(folder))


@pytest.fixture(scope="session")
def tiny() -> Model:
    return load("tiny", device="cpu")


@pytest.fixture(scope="session")
def random_gpt2(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return random_model("gpt2", tmp_path_factory.mktemp("models"))


@pytest.fixture
def study_of(lexicon: Lexicon, corpus: Corpus, tmp_path: Path) -> Callable[..., Study]:
    """`study_of(model, **changes)` is a study with a store of its own."""

    def study(model: Model, **changes: object) -> Study:
        made = Study(Trained(model), lexicon, corpus, SHORT, 0, Store(tmp_path))
        return replace(made, **changes)

    return study


@pytest.fixture
def counted_progress() -> tuple[Progress, dict[str, list[int]]]:
    """A progress for a study, and what it was told: the total and the steps done, by label."""
    told: dict[str, list[int]] = {}

    @contextmanager
    def progress(label: str, total: int) -> Iterator[Callable[[int], None]]:
        told[label] = [total, 0]

        def advance(count: int) -> None:
            told[label][1] += count

        yield advance

    return progress, told
