"""Fixtures: random models of many families, and prompts for them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from random_models import random_model
from wandering import wandering_model

from semphase.data.lexicon import Prompt
from semphase.data.lexicon import load as load_lexicon
from semphase.models import Model, fixture
from semphase.science.lexical.variations import suffixed_prompts


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
    return (*lexicon.prompts[:6], *suffixed_prompts(lexicon)[:6])


@pytest.fixture(scope="session")
def wandering(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Model]:
    """`wandering(family, **options)` is a random model of a family whose greedy texts do not soon go round in circles."""
    home, made = tmp_path_factory.mktemp("wandering"), {}

    def model(family: str, **options: str) -> Model:
        key = (family, *options.items())
        if key not in made:
            made[key] = wandering_model(family, home, **options)
        return made[key]

    return model
