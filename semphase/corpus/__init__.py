"""Texts to read, among them the generated language of the tiny models."""

from semphase.corpus.sources import Corpus, default_corpus, load

__all__ = ["Corpus", "default_corpus", "load"]
