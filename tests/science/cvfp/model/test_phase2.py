"""Phase 2 is the protocol: held against a plain loop under autograd, with its early stopping and its failures."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from semphase.errors import SemphaseError
from semphase.science.cvfp.model import Configuration, Recipe, TokenBlock, sequential_contexts, stream_of, train_tokens
from semphase.science.cvfp.model.phase1 import initial_block
from semphase.science.cvfp.model.phase2 import EpochRecord, every_prediction, with_contexts, without_contexts
from semphase.science.cvfp.model.seeds import generator

SHAPE = Configuration(2, 2, 16, 24)
RECIPE = Recipe(token_batch=100, epochs=3, patience=3)
CLOSE = 1e-4


@pytest.fixture
def readings(vocabulary, documents):
    block = initial_block(SHAPE, 0, vocabulary.rows).requires_grad_(False)
    streams = [stream_of(vocabulary, part, 2) for part in (documents[:8], documents[8:])]
    return [with_contexts(block, stream, sequential_contexts(block, stream)) for stream in streams]


def split(readings):
    """The readings of one member, training and validation."""
    return [[reading] for reading in readings]


def read_by_hand(reading, block_of_contexts, contexts):
    """The token block's inputs at every position, one position after the other."""
    outputs, inputs = [], []
    for token in range(len(reading.stream)):
        seen = contexts[token - 1 : token] if token else torch.zeros(1, 24)
        inputs.append(reading.stream.inputs(slice(token, token + 1)))
        outputs.append(block_of_contexts(seen, inputs[-1]))
    return [torch.cat(layer) for layer in zip(*outputs, strict=True)], torch.cat(inputs)


def plain(vocabulary, readings, contexts, recipe):
    block = TokenBlock(SHAPE, generator(2, "token block"))
    adam = torch.optim.Adam(block.parameters(), lr=1e-3)
    (training, validation), perplexity = [read_by_hand(r, *c) for r, c in zip(readings, contexts, strict=True)], []
    targets = [reading.stream.ids[1:] for reading in readings]
    for _ in range(recipe.epochs):
        total = 0.0
        for start in range(0, 159, 100):
            stop = min(start + 100, 159)
            logits = block([x[start:stop] for x in training[0]], training[1][start:stop]) @ vocabulary.head.T
            loss = nn.functional.cross_entropy(logits, targets[0][start:stop])
            adam.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(block.parameters(), 1.0)
            adam.step()
            total += loss.item() * (stop - start)
        with torch.no_grad():
            logits = block([x[:-1] for x in validation[0]], validation[1][:-1]) @ vocabulary.head.T
        perplexity.append([total / 159, nn.functional.cross_entropy(logits, targets[1]).item()])
    return np.exp(perplexity)


def test_it_is_the_plain_loop(vocabulary, readings):
    block = initial_block(SHAPE, 0, vocabulary.rows).requires_grad_(False)
    contexts = [(block, sequential_contexts(block, reading.stream)) for reading in readings]
    (found,) = train_tokens(SHAPE, RECIPE, vocabulary.head, *split(readings), seeds=[2])
    expected = plain(vocabulary, readings, contexts, RECIPE)
    np.testing.assert_allclose(found.record.perplexity, expected, rtol=CLOSE)


def test_the_block_it_gives_is_that_of_the_best_epoch(vocabulary, readings):
    recipe = replace(RECIPE, epochs=12, token_rate=0.1, patience=12)
    (found,) = train_tokens(SHAPE, recipe, vocabulary.head, *split(readings), seeds=[2])
    assert found.record.epochs == 12
    assert 0 < found.record.best < 11
    nats, _ = every_prediction(found.block, recipe, vocabulary.head, readings[1])
    best = min(validation for _, validation in found.record.perplexity)
    assert math.exp(float(nats.mean())) == pytest.approx(best, rel=1e-6)


@pytest.mark.parametrize(
    ("validation", "patience", "over"),
    [
        ([], 1, False),
        ([9.0], 1, False),
        ([9.0, 8.0], 1, False),
        ([9.0, 9.0], 1, True),
        ([9.0, 8.0, 8.5], 1, True),
        ([9.0, 8.0, 8.5], 2, False),
        ([9.0, 8.0, 8.5, 8.4], 2, True),
        ([9.0, 8.0, 7.0, 6.0], 1, True),
    ],
)
def test_early_stopping_waits_for_its_patience(validation, patience, over):
    record = EpochRecord([[0.0, value] for value in validation], [])
    assert record.over(Recipe(epochs=4, patience=patience)) is over


def test_steps_that_were_not_needed_are_told_as_well(vocabulary, readings):
    told = []
    recipe = replace(RECIPE, epochs=30, token_rate=0.3, patience=1)
    (found,) = train_tokens(SHAPE, recipe, vocabulary.head, *split(readings), seeds=[2], advance=told.append)
    assert found.record.epochs < 30
    assert sum(told) == 30


def test_without_contexts_every_layer_reads_zeros(vocabulary, documents):
    reading = without_contexts(SHAPE, stream_of(vocabulary, documents, 1))
    outputs = reading.outputs(slice(3, 10))
    assert [tuple(each.shape) for each in outputs] == [(7, 24)] * 2
    assert not any(each.any() for each in outputs)


@pytest.mark.parametrize("size", [1, 13, 159, 512])
@pytest.mark.parametrize("chunk", [3, 8192])
def test_batches_and_pieces_are_not_visible_in_predictions(vocabulary, readings, size, chunk):
    block = TokenBlock(SHAPE, generator(2, "token block"))
    expected = every_prediction(block, RECIPE, vocabulary.head, readings[0])
    recipe = replace(RECIPE, token_batch=size, vocabulary_chunk=chunk)
    nats, correct = every_prediction(block, recipe, vocabulary.head, readings[0])
    assert len(nats) == 159
    np.testing.assert_allclose(nats, expected[0], rtol=CLOSE, atol=CLOSE)
    assert torch.equal(correct, expected[1])


def test_divergence_names_phase_epoch_and_configuration(vocabulary, readings):
    recipe = replace(RECIPE, token_rate=1e38)
    with pytest.raises(SemphaseError, match="phase 2 of 2L-24d-2tok diverged in epoch 1: the loss is no number"):
        train_tokens(SHAPE, recipe, vocabulary.head, *split(readings), seeds=[2])
