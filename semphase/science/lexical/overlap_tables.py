"""From labelled streams to the arrays that the analysis reads: one row for each word, padded where lists differ."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr
from jaxtyping import Float, Int

from semphase.data.lexicon import CONDITIONS, Lexicon
from semphase.data.lexicon.words import DIRECTIONS, GRADIENTS
from semphase.science.lexical.order_parameter import Overlapping, Overlaps, overlaps

STEP = np.concatenate([np.arange(1, 11) / 10, -np.arange(1, 11) / 10])
"""h of the gradient prompts by their step: ±step/10, in the order of `gradient_arrays`."""


def direction_finals(
    streams: xr.Dataset, lexicon: Lexicon
) -> tuple[Float[np.ndarray, "word sentence d"], Int[np.ndarray, "word sentence"]]:
    """Final streams of each word's direction sentences and their senses (+1, −1, 0 for padding)."""
    rows = [[_select(streams, word, role)[:, -1] for role in DIRECTIONS] for word in lexicon.names]
    senses = [np.repeat([1, -1], [len(a), len(b)]) for a, b in rows]
    return _padded([np.concatenate(pair) for pair in rows]), _padded(senses).astype(int)


def gradient_arrays(
    streams: xr.Dataset, lexicon: Lexicon, variable: str = "stream"
) -> Float[np.ndarray, "word prompt layer d"]:
    """Streams (or attention writes) of the twenty gradient prompts of each word: sense A weak to strong, then B."""
    return np.stack([_concatenated(streams, word, GRADIENTS, variable) for word in lexicon.names])


def condition_overlaps(
    streams: xr.Dataset, lexicon: Lexicon, finals: np.ndarray, sense: np.ndarray, of: Overlapping = overlaps
) -> tuple[Overlaps, Int[np.ndarray, "word prompt"]]:
    """Overlaps of the prompts of all five conditions, and each prompt's condition (−1 for padding)."""
    parts = [[_select(streams, word, role) for role in CONDITIONS] for word in lexicon.names]
    rows = [np.concatenate(own) for own in parts]
    condition = [np.repeat(np.arange(len(CONDITIONS)), [len(part) for part in own]) for own in parts]
    longest = max(len(row) for row in rows)
    labels = np.full((len(rows), longest), -1)
    for row, own in zip(labels, condition, strict=True):
        row[: len(own)] = own
    # Padding repeats a prompt, so that no norm is zero; its label keeps it out of every mean.
    filled = [np.concatenate([row, np.repeat(row[:1], longest - len(row), axis=0)]) for row in rows]
    return of(np.stack(filled), finals, sense), labels


def _concatenated(streams: xr.Dataset, word: str, roles: Sequence[str], variable: str = "stream") -> np.ndarray:
    return np.concatenate([_select(streams, word, role, variable) for role in roles])


def _select(streams: xr.Dataset, word: str, role: str, variable: str = "stream") -> np.ndarray:
    chosen = (streams["word"].values == word) & (streams["role"].values == role)
    values: np.ndarray = streams[variable].values[chosen]
    return values


def _padded(rows: list[np.ndarray]) -> np.ndarray:
    longest = max(len(row) for row in rows)
    table = np.zeros((len(rows), longest, *rows[0].shape[1:]), rows[0].dtype)
    for place, row in zip(table, rows, strict=True):
        place[: len(row)] = row
    return table


def regular_overlaps(
    streams: xr.Dataset, lexicon: Lexicon, finals: np.ndarray, sense: np.ndarray, of: Overlapping = overlaps
) -> Overlaps:
    """Overlaps of prompts of which every word has the same number, in their own order."""
    rows = [streams["stream"].values[streams["word"].values == word] for word in lexicon.names]
    return of(np.stack(rows), finals, sense)
