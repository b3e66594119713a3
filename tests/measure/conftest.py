from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from random_models import random_model

from semphase.lexicon import load as load_lexicon
from semphase.measure import Prompt
from semphase.models import Model, fixture
from semphase.study.prompts import lexicon_prompts, suffixed_prompts


@pytest.fixture(scope="session")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Model]:
    """`loaded(family, **options)` is a random model of a family."""
    home, made = tmp_path_factory.mktemp("models"), {}

    def model(family: str, **options: str) -> Model:
        key = (family, *options.items())
        if key not in made:
            made[key] = random_model(family, home, **options)
        return made[key]

    return model


@pytest.fixture(scope="session")
def prompts() -> tuple[Prompt, ...]:
    """Prompts of 25 words that end with their word, and longer ones that go on after it."""
    lexicon = load_lexicon(fixture("lexicon/grammar.toml"))
    return (*lexicon_prompts(lexicon)[:6], *suffixed_prompts(lexicon)[:6])


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
