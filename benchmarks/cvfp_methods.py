"""What is timed, in a process of its own for each method and number of tokens."""

from __future__ import annotations

import math
import tempfile
import time
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from cvfp_plain import Plain
from worker import Operations, Reply, memory_counts_from_here

from semphase.data.corpus import sources
from semphase.data.corpus.documents import in_documents
from semphase.models import load
from semphase.science.cvfp.model import (
    Configuration,
    Recipe,
    layer_outputs_parallel,
    layer_outputs_sequential,
    parallel_contexts,
    sequential_contexts,
    stream_of,
    train_contexts,
    train_tokens,
    vocabulary_of,
)
from semphase.science.cvfp.model.checkpoint import Checkpoints
from semphase.science.cvfp.model.phase1 import initial_block
from semphase.science.cvfp.model.phase2 import with_contexts

LAYERS, TOKENS, SEED = 2, 2, 1
ITERATIONS, EPOCHS = 5, 2
RECIPE = Recipe(fewest=ITERATIONS, most=ITERATIONS, epochs=EPOCHS, patience=EPOCHS)
LENGTH = 20
HELD_OUT = 10


def ready(options: Namespace) -> tuple[Reply, Operations]:
    """What to say first and what can be asked of the method `options.only`."""
    model = load(options.model, device="cpu")
    corpus = sources.load(options.corpus) if options.corpus else sources.default_corpus(options.model)[0]
    count = max(options.tokens) // LENGTH
    text = in_documents(model.encode(corpus.text), count, HELD_OUT, LENGTH, name=f"the corpus {corpus.name}")
    vocabulary = vocabulary_of(model, text.training, text.validation)
    width = vocabulary.width
    shape = Configuration(LAYERS, TOKENS, width, width)
    documents = vocabulary.index(text.training)
    validation = stream_of(vocabulary, vocabulary.index(text.validation), TOKENS)
    facts = {
        "model": model.name, "corpus": corpus.name, "types": len(vocabulary.types), "configuration": shape.name,
        "torch": torch.__version__, "threads": torch.get_num_threads(), "iterations": ITERATIONS, "epochs": EPOCHS,
    }  # fmt: skip
    method = {"library": Library, "plain": PlainLoop}[options.only]
    warming, timed = (
        method(shape, vocabulary.head, [stream_of(vocabulary, documents[:count], TOKENS), validation])
        for count in (HELD_OUT, options.size // LENGTH)
    )
    # A first training imports and allocates what no later one has to.
    warming.training_speed()
    return facts, timed.operations


class Library:
    """The library's forms and phases."""

    def __init__(self, shape: Configuration, head: torch.Tensor, streams: list[Any]) -> None:
        self.shape, self.head = shape, head
        self.training, self.validation = streams
        self.operations: Operations = {"contexts": self.contexts, "cache": self.cache, "training": self.training_speed}

    def contexts(self) -> Reply:
        """Sequential and parallel contexts of the block that phase 1 gives, and how near they are."""
        block = train_contexts(self.shape, Recipe(), self.training, seeds=[SEED])[0].block
        slow, reference = _timed(lambda: sequential_contexts(block, self.training))
        fast, settled = _timed(lambda: parallel_contexts(block, self.training, Recipe()))
        near = torch.nn.functional.cosine_similarity(settled.contexts, reference, dim=1)
        return {"seconds": [slow, fast], "iterations": len(settled.converged), "cosine": float(near.mean())}

    def cache(self) -> Reply:
        """The cache of layer outputs from the same contexts in both forms."""
        block = initial_block(self.shape, SEED, self.head).requires_grad_(False)
        contexts = torch.randn(
            len(self.training), self.shape.context_width, generator=torch.Generator().manual_seed(SEED)
        )
        slow, reference = _timed(lambda: layer_outputs_sequential(block, self.training, contexts))
        fast, found = _timed(lambda: layer_outputs_parallel(block, self.training, contexts))
        return {"seconds": [slow, fast], "difference": float((found - reference).abs().max())}

    def training_speed(self) -> Reply:
        """Seconds of both phases as they are run, with a checkpoint every ten seconds."""
        memory_counts_from_here()
        with tempfile.TemporaryDirectory() as folder:
            kept = Checkpoints(Path(folder), "benchmark")
            first, (found,) = _timed(
                lambda: train_contexts(self.shape, RECIPE, self.training, seeds=[SEED], checkpoints=kept)
            )
            readings = (
                [with_contexts(found.block, self.training, found.contexts)],
                [
                    with_contexts(
                        found.block, self.validation, parallel_contexts(found.block, self.validation, RECIPE).contexts
                    )
                ],
            )
            second, (trained,) = _timed(
                lambda: train_tokens(self.shape, RECIPE, self.head, *readings, seeds=[SEED], checkpoints=kept)
            )
        return {"seconds": [first, second], "nats": math.log(trained.record.perplexity[-1][0])}


class PlainLoop:
    """The loop that holds everything."""

    def __init__(self, shape: Configuration, head: torch.Tensor, streams: list[Any]) -> None:
        self.shape, self.head, self.training = shape, head, streams[0]
        self.operations: Operations = {"training": self.training_speed}

    def training_speed(self) -> Reply:
        """Seconds of both phases."""
        memory_counts_from_here()
        plain = Plain.of(self.shape, self.training, self.head, SEED)
        width = self.shape.context_width
        first, contexts = _timed(lambda: plain.phase_1(RECIPE, width, ITERATIONS, SEED))
        second, nats = _timed(lambda: plain.phase_2(RECIPE, contexts, EPOCHS))
        return {"seconds": [first, second], "nats": nats}


def _timed(run: Callable[[], Any]) -> tuple[float, Any]:
    begun = time.perf_counter()
    found = run()
    return time.perf_counter() - begun, found
