"""From the options of a run to its studies; a model is loaded once, and kept until it is let go."""

from __future__ import annotations

import gc
from collections.abc import Collection
from functools import lru_cache

from semphase.data import corpus as corpora
from semphase.data import lexicon as lexicons
from semphase.data.corpus import Corpus
from semphase.data.lexicon import Lexicon
from semphase.errors import SemphaseError
from semphase.models import fixture, load, require_precision
from semphase.models.catalogue import CATALOGUE
from semphase.progress import progress
from semphase.store import Store
from semphase.study.budget import BUDGETS
from semphase.study.joint import JointStudy
from semphase.study.settings import RunSettings
from semphase.study.study import Study
from semphase.study.subject import COPIES_MEMORY, Opened, Trained
from semphase.study.substitutes import Substitutes

_OPEN: dict[tuple[RunSettings, str], Study] = {}


def open_study(settings: RunSettings, names: tuple[str, ...]) -> Study | JointStudy:
    """The study of one model, or the joint study of several (or none); open until `close_studies`."""
    each = tuple(_study(settings, name) for name in names)
    for study in each:
        study.bound_copies(copies_memory(settings) // len(each))
    if len(each) == 1:
        return each[0]
    roles = tuple((role, names.index(name)) for role, name in settings.roles if name in names)
    return JointStudy(each, roles)


def close_studies(keep: Collection[str] = (), using: Collection[str] | None = None) -> None:
    """Let go of the studies of all models but `keep`, so that their weights leave the memory with the last user.

    Of those that are kept for later, all but `using`, the untrained copies leave as well: a later test finds what was
    measured on them in the store, and builds them again where it measures more.
    """
    for key in [key for key in _OPEN if key[1] not in keep]:
        del _OPEN[key]
    for (_, name), study in _OPEN.items():
        if using is not None and name not in using:
            study.give_back_copies()
    # A study and its facets hold each other, so nothing but the collector frees them.
    gc.collect()


def copies_memory(settings: RunSettings) -> int:
    """Bytes that the untrained copies of the models of one test may take together."""
    return settings.memory or COPIES_MEMORY


def speaks_grammar(names: tuple[str, ...]) -> bool:
    """Do all models speak the generated language of the packaged tiny models?"""
    return bool(names) and all(name in CATALOGUE and CATALOGUE[name].source == "fixture" for name in names)


def _study(settings: RunSettings, name: str) -> Study:
    if (settings, name) not in _OPEN:
        _OPEN[settings, name] = _open(settings, name)
    return _OPEN[settings, name]


def _open(settings: RunSettings, name: str) -> Study:
    model = load(name, device=settings.device, dtype=settings.dtype)
    require_precision(model.device, model.dtype, settings.dtype)
    text, notice = corpus_of(settings)
    store = Store(settings.store, [notice] if notice else [])
    subject = Trained(model, copies_memory(settings), opened=Opened(name, settings.device, settings.dtype))
    budget = BUDGETS[settings.budget]
    return Study(
        subject,
        lexicon_of(settings),
        text,
        budget,
        settings.seed,
        store,
        progress,
        settings.memory,
        substitutes_of(settings),
    )


@lru_cache(maxsize=8)
def substitutes_of(settings: RunSettings) -> Substitutes:
    """The user's sets of prompts, the same for all studies of a run; SemphaseError for a file that cannot be read."""
    return Substitutes.load(settings.prompts)


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
