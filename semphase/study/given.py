"""The lexicon and the text of a run: what the user gave, else what suits its models. Needs no torch."""

from __future__ import annotations

from functools import lru_cache

from semphase.data import corpus as corpora
from semphase.data import lexicon as lexicons
from semphase.data.corpus import Corpus
from semphase.data.lexicon import Lexicon
from semphase.errors import SemphaseError
from semphase.models import fixture
from semphase.models.catalogue import CATALOGUE
from semphase.study.settings import RunSettings


def speaks_grammar(names: tuple[str, ...]) -> bool:
    """Do all models speak the generated language of the packaged tiny models?"""
    return bool(names) and all(name in CATALOGUE and CATALOGUE[name].source == "fixture" for name in names)


@lru_cache(maxsize=8)
def lexicon_of(settings: RunSettings) -> Lexicon:
    """The lexicon that the user gave, else the packaged one in the models' language."""
    if settings.lexicons:
        return lexicons.merge([lexicons.load(path) for path in settings.lexicons])
    language = "grammar" if speaks_grammar(settings.models) else "english"
    return lexicons.load(fixture(f"lexicon/{language}.toml"))


@lru_cache(maxsize=8)
def corpus_of(settings: RunSettings) -> tuple[Corpus, str | None]:
    """The corpus that the user gave, else the models' default, and a notice where that is not the usual one."""
    if settings.corpus:
        found, notice = corpora.load(settings.corpus), None
    else:
        real = [name for name in settings.models if not speaks_grammar((name,))]
        found, notice = corpora.default_corpus((real or settings.models)[0])
    if not found.text.strip():
        raise SemphaseError(f"the corpus {found.name} is empty; give a longer text with --corpus.")
    return found, notice
