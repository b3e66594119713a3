"""How many directions a set of contexts fills."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from semphase.science.cvfp.model.contexts import Contexts
from semphase.science.cvfp.model.embedding import TokenStream

GROUPS = 10
"""Contiguous groups of documents that are left out one at a time."""
TOKENS = 5000
Products = Float[Tensor, "width width"]


def products(contexts: Contexts) -> Products:
    """CᵀC in float64, a few thousand tokens at a time; uncentred, as in the source."""
    # MPS has no float64; there the sums are made on the processor.
    target = torch.device("cpu") if contexts.device.type == "mps" else contexts.device
    total = torch.zeros(contexts.shape[1], contexts.shape[1], dtype=torch.float64, device=target)
    for part in contexts.split(TOKENS):
        wide = part.to(target, torch.float64)
        total += wide.T @ wide
    return total


def singular_values(summed: Products) -> Float[np.ndarray, " component"]:
    """Singular values of C from CᵀC, descending, divided by their sum; NaN where all are 0."""
    squares = torch.linalg.eigvalsh(summed).flip(0).cpu().numpy()
    squares[squares < len(squares) * np.finfo(np.float64).eps * squares[0]] = 0
    values = np.sqrt(squares.clip(0))
    return values / values.sum() if values.sum() > 0 else np.full(len(values), np.nan)


def rank_of(values: Float[np.ndarray, " component"]) -> float:
    """exp(entropy of the normalised singular values) / their number: 1/d for one direction, 1 for d equal ones."""
    if np.isnan(values).any():
        return float("nan")
    kept = values[values > 0]
    return float(np.exp(-(kept * np.log(kept)).sum()) / len(values))


def effective_rank(contexts: Contexts) -> float:
    """Effective rank of contexts relative to their width, 0 to 1 (Roy and Vetterli 2007); NaN where all are 0."""
    return rank_of(singular_values(products(contexts)))


def group_products(contexts: Contexts, stream: TokenStream, groups: int) -> list[Products]:
    """CᵀC of contiguous groups of documents."""
    edges = [round(stream.documents * i / groups) * stream.length for i in range(groups + 1)]
    return [products(contexts[a:b]) for a, b in pairwise(edges)]
