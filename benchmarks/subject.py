"""What the methods are compared on: a model and a text in chunks."""

from __future__ import annotations

from argparse import Namespace
from dataclasses import dataclass

import torch
from jaxtyping import Int
from random_gpt2 import NAME, random_gpt2, random_tokens
from torch import Tensor

from semphase.data.corpus import sources
from semphase.errors import SemphaseError
from semphase.measure.products.exact import replay_tokens
from semphase.measure.text import CHUNK, text_chunks
from semphase.models import Model, load
from semphase.models.device import resolve

SMOKE_LENGTH = 256


@dataclass(frozen=True, eq=False)
class Subject:
    """A model and all the text that the run reads, of which the comparison reads the first `main` chunks."""

    model: Model
    text: Int[Tensor, "chunk position"]
    main: int
    corpus: str

    @property
    def group(self) -> int:
        """How many chunks the engine reads together: as many as fill a pass, if the device keeps their products."""
        length = self.text.shape[1]
        return max(1, replay_tokens(self.model, least=length) // length)


def subject(options: Namespace) -> Subject:
    """The model and the text that the options name; raw weights, in float32, on the device."""
    return _random(options) if options.model == NAME else _named(options)


def _random(options: Namespace) -> Subject:
    if options.corpus:
        raise SemphaseError(f"{NAME} reads random tokens; leave --corpus out")
    model = random_gpt2(resolve(options.device))
    length, main, wanted = _lengths(model, options)
    return Subject(model, random_tokens(model, wanted, length), main, "random text")


def _named(options: Namespace) -> Subject:
    # Raw weights for all, since a folder written from folded ones would be read as another model.
    model = load(options.model, device=options.device, processing="raw")
    corpus = sources.load(options.corpus) if options.corpus else sources.default_corpus(options.model)[0]
    length, main, wanted = _lengths(model, options)
    ids = text_chunks(model, corpus.text, wanted * length, name=f"the corpus {corpus.name}", length=length)
    sources.require_tokens(corpus, ids.size, wanted * length)
    return Subject(model, torch.from_numpy(ids), main, corpus.name)


def _lengths(model: Model, options: Namespace) -> tuple[int, int, int]:
    """Positions of a chunk, the comparison's chunks, and those of the whole run."""
    length = min(SMOKE_LENGTH if options.smoke else CHUNK, model.context)
    main = max(2, options.tokens // length)
    return length, main, 2 * main if options.growth else main
