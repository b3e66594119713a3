"""From the options of a run to its studies; bad input is refused here, before anything is measured."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from semphase.data import corpus as corpora
from semphase.data import lexicon as lexicons
from semphase.data.corpus import Corpus, require_tokens
from semphase.data.lexicon import Lexicon
from semphase.errors import SemphaseError
from semphase.measure.targets import word_pieces
from semphase.measure.text import leading_tokens
from semphase.models import fixture, load, require_precision
from semphase.models.catalogue import CATALOGUE
from semphase.models.device import resolve
from semphase.models.locate import locate
from semphase.models.read import read_config, read_tokenizer
from semphase.progress import progress
from semphase.science.lexical.variations import lexicon_prompts
from semphase.store import Store
from semphase.study.budget import BUDGETS, ROTATION_POSITIONS
from semphase.study.joint import JointStudy
from semphase.study.settings import RunSettings
from semphase.study.study import Study
from semphase.study.subject import COPIES_MEMORY, Trained

MOST_UNKNOWN = 0.5


def open_study(settings: RunSettings, names: tuple[str, ...]) -> Study | JointStudy:
    """The study of one model, or the joint study of several (or none); models are loaded once in a process."""
    if len(names) == 1:
        return _study(settings, names[0])
    return JointStudy(tuple(_study(settings, name) for name in names))


def check_settings(settings: RunSettings) -> None:
    """Raise `SemphaseError` for whatever would stop the run: device, lexicon, corpus, weights that are not there."""
    resolve(settings.device)
    Store(settings.store).require_writable()
    lexicon, (text, _) = _lexicon(settings), _corpus(settings)
    names = [_check_reading(name, lexicon, text) for name in settings.models]
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise SemphaseError(f"two models are both named {twice[0]!r}; rename one folder, or name the model once.")


def _check_reading(name: str, lexicon: Lexicon, text: Corpus) -> str:
    """Can the model's tokenizer read lexicon and corpus? Returns the model's name in the report."""
    weights = locate(name)
    tokenizer, positions = read_tokenizer(weights.folder), _positions(weights.folder)
    tokens = leading_tokens(tokenizer.encode, text.text, positions)
    require_tokens(text, len(tokens), positions)
    unknown = sum(token == tokenizer.unk_token_id for token in tokens) / len(tokens)
    if unknown > MOST_UNKNOWN:
        raise SemphaseError(
            f"{unknown:.0%} of the corpus {text.name} is unknown to {name}'s tokenizer; "
            "choose a text in the model's language with --corpus."
        )
    for prompt in lexicon_prompts(lexicon):
        word_pieces(tokenizer, prompt, name)
    return weights.name


def _positions(folder: Path) -> int:
    """How many tokens of the corpus the rotation claim reads: 500, fewer where the model reads fewer."""
    return min(ROTATION_POSITIONS, getattr(read_config(folder), "max_position_embeddings", ROTATION_POSITIONS))


def speaks_grammar(names: tuple[str, ...]) -> bool:
    """Do all models speak the generated language of the packaged tiny models?"""
    return bool(names) and all(name in CATALOGUE and CATALOGUE[name].source == "fixture" for name in names)


@lru_cache(maxsize=8)
def _study(settings: RunSettings, name: str) -> Study:
    model = load(name, device=settings.device, dtype=settings.dtype)
    require_precision(model.device, model.dtype, settings.dtype)
    text, notice = _corpus(settings)
    store = Store(settings.store, [notice] if notice else [])
    subject = Trained(model, settings.memory or COPIES_MEMORY)
    budget = BUDGETS[settings.budget]
    return Study(subject, _lexicon(settings), text, budget, settings.seed, store, progress, settings.memory)


@lru_cache(maxsize=8)
def _lexicon(settings: RunSettings) -> Lexicon:
    if settings.lexicons:
        return lexicons.merge([lexicons.load(path) for path in settings.lexicons])
    language = "grammar" if speaks_grammar(settings.models) else "english"
    return lexicons.load(fixture(f"lexicon/{language}.toml"))


@lru_cache(maxsize=8)
def _corpus(settings: RunSettings) -> tuple[Corpus, str | None]:
    if settings.corpus:
        found, notice = corpora.load(settings.corpus), None
    else:
        real = [name for name in settings.models if not speaks_grammar((name,))]
        found, notice = corpora.default_corpus((real or settings.models)[0])
    if not found.text.strip():
        raise SemphaseError(f"the corpus {found.name} is empty; give a longer text with --corpus.")
    return found, notice
