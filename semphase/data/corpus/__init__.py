"""Texts to read, among them the generated language of the tiny models."""

from semphase.data.corpus.sources import Corpus, default_corpus, load, require_tokens

__all__ = ["Corpus", "default_corpus", "load", "require_tokens"]
