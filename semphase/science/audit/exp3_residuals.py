"""Document 000: residuals of the words about their mean."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from semphase.science.audit.exp3 import MODELS
from semphase.science.audit.printed import Document
from semphase.science.audit.rounding import Interval
from semphase.science.audit.statements import Statement, Statements, less


def residuals(document: Document) -> Statements:
    """RMSE below 0.08, and residuals that can be those of curves about their own mean.

    They add up to 0 over the words in every layer, so no word's norm exceeds the sum of the others' (triangle
    inequality), in the mean square as in the maximum; and no root mean square exceeds the maximum.
    """
    return Statements(tuple(own for model in MODELS for own in _of_model(document, model)))


def _of_model(document: Document, model: str) -> Iterator[Statement]:
    table, where = document["words"], document.where("words")
    limit = document["word-prose"].row("RMSE stays below")
    exact = Interval(limit.value, limit.value, limit.value)
    rows = np.array([own == model for own in table.names("model")])
    words = [word for word, own in zip(table.names("word"), rows, strict=True) if own]
    rmse, largest = table["rmse"][rows], table["largest_residual"][rows]
    for i, word in enumerate(words):
        others = np.arange(len(words)) != i
        yield less(f"{word}, {model}: RMSE below {float(limit.value)}", rmse[i], exact, where)
        yield less(f"{word}, {model}: RMSE not above the maximum", rmse[i], largest[i], where)
        yield less(f"{word}, {model}: RMSE not above the others' sum", rmse[i], rmse[others].sum(), where)
        yield less(f"{word}, {model}: maximum not above the others' sum", largest[i], largest[others].sum(), where)
