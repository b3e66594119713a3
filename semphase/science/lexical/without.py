"""What leaving out single direction sentences and prompts makes of the response and of the conditions, word by word.

Only the word that a sentence or prompt belongs to changes; the other words stay as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from jaxtyping import Float, Int

from semphase.science.lexical.conditions import Conditions
from semphase.science.lexical.order_parameter import Overlaps, mean_difference, order_parameter
from semphase.science.lexical.response import Response, respond
from semphase.stats.nested import WithoutPrompts

Strength = Callable[[np.ndarray, Int[np.ndarray, "*draw kept"]], np.ndarray]
"""h [*draw, prompt] of σ [*draw, prompt, layer] at the prompts that `kept` numbers."""


def response_without(
    data: Overlaps, strata: Int[np.ndarray, " prompt"], strength: Strength, point: Response
) -> WithoutPrompts[Response]:
    """f and R² without each direction sentence, and without each gradient prompt; `strata` are the prompts' sides.

    σ and h of these hold nothing: statistics of them speak of words.
    """
    f, r2, labels = [], [], []
    for word, own in enumerate(_each_word(data)):
        sigma = order_parameter(own, own.weights)[0]
        for kind, rows, members in _gradients(own, sigma, strata):
            made = respond(rows, strength(rows, members))
            f.append(_in_place(point.f, word, made.f))
            r2.append(_in_place(point.r2, word, made.r2))
            labels.append(4 * word + kind)
    every = np.concatenate(f)
    nothing = np.broadcast_to(np.nan, (len(every), *point.sigma.shape))
    made = Response(point.x, nothing[..., 0], nothing, every, np.concatenate(r2))
    return WithoutPrompts(made, np.concatenate(labels))


def conditions_without(
    data: Overlaps, condition: Int[np.ndarray, "word prompt"], point: Conditions
) -> WithoutPrompts[Conditions]:
    """σ under every condition without each direction sentence, and without each prompt of a condition that has two."""
    sigma, labels = [], []
    kinds = int(condition.max()) + 1
    for word, own in enumerate(_each_word(data)):
        member = np.stack([condition[word] == kind for kind in range(kinds)]).astype(float)
        for sense, rows in _without_sentences(own):
            sigma.append(_in_place(point.sigma, word, _means(rows, member)))
            labels.append(np.full(len(rows), (kinds + 2) * word + sense))
        whole = order_parameter(own, own.weights)[0]
        for kind in range(kinds):
            prompts = np.flatnonzero(member[kind])
            if len(prompts) > 1:
                left = np.repeat(member[None], len(prompts), axis=0)
                left[np.arange(len(prompts)), kind, prompts] = 0.0
                sigma.append(_in_place(point.sigma, word, np.stack([_means(whole, one) for one in left])))
                labels.append(np.full(len(prompts), (kinds + 2) * word + 2 + kind))
    return WithoutPrompts(Conditions(point.x, np.concatenate(sigma)), np.concatenate(labels))


def condition_means(
    sigma: Float[np.ndarray, "word prompt layer"], condition: Int[np.ndarray, "word prompt"]
) -> Float[np.ndarray, "word condition layer"]:
    """σ averaged over the prompts of each condition; −1 is padding."""
    kinds = range(int(condition.max()) + 1)
    return np.stack(
        [
            _means(own, np.stack([of == kind for kind in kinds]).astype(float))
            for own, of in zip(sigma, condition, strict=True)
        ]
    )


def _means(
    sigma: Float[np.ndarray, "*left prompt layer"], member: Float[np.ndarray, "condition prompt"]
) -> Float[np.ndarray, "*left condition layer"]:
    means: np.ndarray = (member / member.sum(axis=-1, keepdims=True)) @ sigma
    return means


def _each_word(data: Overlaps) -> Iterator[Overlaps]:
    for word in range(len(data.sense)):
        one = slice(word, word + 1)
        yield Overlaps(data.overlap[one], data.gram[one], data.sense[one])


def _without_sentences(own: Overlaps) -> Iterator[tuple[int, Float[np.ndarray, "left prompt layer"]]]:
    """σ of one word without each direction sentence, sense by sense."""
    there = (own.sense != 0).astype(float)
    for side, sense in enumerate((1, -1)):
        sentences = np.flatnonzero(own.sense[0] == sense)
        if len(sentences) > 1:
            counts = np.repeat(there[None], len(sentences), axis=0)
            counts[np.arange(len(sentences)), 0, sentences] = 0.0
            yield side, order_parameter(own, mean_difference(counts, own.sense))[:, 0]


def _gradients(
    own: Overlaps, sigma: Float[np.ndarray, "prompt layer"], strata: Int[np.ndarray, " prompt"]
) -> Iterator[tuple[Int[np.ndarray, " left"], Float[np.ndarray, "left kept layer"], Int[np.ndarray, "left kept"]]]:
    """Strata (sentences by sense, then prompts by side), σ of what is left, and which prompts that are."""
    every = np.arange(len(sigma))
    for sense, rows in _without_sentences(own):
        yield np.full(len(rows), sense), rows, np.broadcast_to(every, (len(rows), len(every)))
    others = np.array([np.delete(every, prompt) for prompt in every])
    yield 2 + strata, sigma[others], others


def _in_place(
    point: Float[np.ndarray, "word ..."], word: int, rows: Float[np.ndarray, "left ..."]
) -> Float[np.ndarray, "left word ..."]:
    made = np.repeat(point[None], len(rows), axis=0)
    made[:, word] = rows
    return made
