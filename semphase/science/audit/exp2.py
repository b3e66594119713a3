"""Document 001: the exponents and collapse variances of exp2."""

from __future__ import annotations

import math

import numpy as np

from semphase.science.audit.evidence import Quantity
from semphase.science.audit.printed import Document
from semphase.science.audit.published import load
from semphase.science.audit.rounding import Interval, stack


def first_step(document: Document, which: str = "smallest β") -> Quantity:
    """Share of its final value that A·x^β has after the first of twelve blocks: (1/12)^β, which falls as β rises."""
    blocks = float(document["ablation"].row("layers").value)
    beta = document["landau"].row(which)
    share = (-(beta * math.log(blocks))).map(np.exp)
    told = {
        which: beta.value,
        "bounds that print as this": [beta.low, beta.high],
        "largest over smallest": float(document["landau"].row("largest β").value / beta.value),
        "section": document.where("landau"),
    }
    return Quantity(share, 1, "of the final value", told)


def collapse_share(document: Document, scale: float = 1.0) -> Quantity:
    """√(collapse variance allowed, times `scale`) over a word's largest f, in the model of 000 that suits it better."""
    table = document["collapse"]
    roots = (table["variance_below"] * scale).map(np.sqrt)
    shares = {word: _over_largest_f(roots[i], word) for i, word in enumerate(table.names("word"))}
    told = {
        "shares": {word: share.value for word, share in shares.items()},
        "sections": [document.where("collapse"), load("000").where("words")],
    }
    return Quantity(stack(list(shares.values())).highest(), len(shares), "of the largest f", told)


def _over_largest_f(root: Interval, word: str) -> Interval:
    words = load("000")["words"]
    return stack([root / words["f_max"][i] for i, own in enumerate(words.names("word")) if own == word]).lowest()
