"""What would stop a run is refused here, before anything is measured: device, store, weights, and the data it reads."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from transformers import PreTrainedTokenizerBase

from semphase.data.corpus import Corpus, require_tokens
from semphase.data.lexicon import Lexicon
from semphase.errors import SemphaseError
from semphase.measure.targets import word_pieces
from semphase.measure.text import leading_tokens
from semphase.models.device import resolve
from semphase.models.locate import locate
from semphase.models.model import bos_in
from semphase.models.read import check_module, read_config, read_tokenizer
from semphase.models.tokens import require_rows
from semphase.store import opened
from semphase.study.given import corpus_of, lexicon_of
from semphase.study.opening import substitutes_of
from semphase.study.settings import RunSettings
from semphase.verdict.claim import LEXICON, TEXT

MOST_UNKNOWN = 0.5
LEAST_TOKENS = 500
"""What a corpus must have at least; fewer where the model reads fewer."""


def check_settings(settings: RunSettings, reads: Mapping[str, Collection[Any]]) -> None:
    """Raise `SemphaseError` for what would stop the run.

    `reads` holds, for each model that the chosen claims need, all that `Claim.data` names of their data: that must be
    there, the tokenizer must be able to read it, and nothing else is looked at.
    """
    if not reads:
        return
    resolve(settings.device)
    opened(settings.store, settings.remote).require_usable()
    substitutes_of(settings)
    if any(LEXICON in data for data in reads.values()):
        lexicon_of(settings)
    if settings.corpus and any(TEXT in data for data in reads.values()):
        corpus_of(settings)
    names = [_check_model(settings, name, data) for name, data in reads.items()]
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise SemphaseError(f"two models are both named {twice[0]!r}; rename one folder, or name the model once.")


def _check_model(settings: RunSettings, name: str, data: Collection[Any]) -> str:
    """Are the weights there, and can the tokenizer read the data? Returns the model's name in the report."""
    weights = locate(name)
    check_module(weights.folder)
    lexicons = [thing for thing in data if isinstance(thing, Lexicon)]
    if LEXICON in data:
        lexicons.append(lexicon_of(settings))
    if lexicons or TEXT in data or settings.bos == "yes":
        tokenizer = read_tokenizer(weights.folder)
        require_rows(tokenizer, read_config(weights.folder).get_text_config().vocab_size, weights.folder)
        if settings.bos == "yes":
            bos_in(read_config(weights.folder), tokenizer)
        for lexicon in lexicons:
            _check_lexicon(lexicon, tokenizer, name)
        if TEXT in data:
            _check_text(corpus_of(settings)[0], tokenizer, weights.folder, name)
    return weights.name


def _check_lexicon(lexicon: Lexicon, tokenizer: PreTrainedTokenizerBase, name: str) -> None:
    for prompt in lexicon.prompts:
        word_pieces(tokenizer, prompt, name)


def _check_text(text: Corpus, tokenizer: PreTrainedTokenizerBase, folder: Path, name: str) -> None:
    positions = _positions(folder)
    tokens = leading_tokens(tokenizer.encode, text.text, positions)
    require_tokens(text, len(tokens), positions)
    unknown = sum(token == tokenizer.unk_token_id for token in tokens) / len(tokens)
    if unknown > MOST_UNKNOWN:
        raise SemphaseError(
            f"{unknown:.0%} of the corpus {text.name} is unknown to {name}'s tokenizer; "
            "choose a text in the model's language with --corpus."
        )


def _positions(folder: Path) -> int:
    """How many tokens of the corpus are looked at: 500, fewer where the model reads fewer."""
    return min(LEAST_TOKENS, getattr(read_config(folder), "max_position_embeddings", LEAST_TOKENS))
