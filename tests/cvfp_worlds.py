"""CVFP trainings whose outcome is planted, so that the verdict on them is known beforehand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from semphase.science.cvfp.model import Configuration, Recipe

MIDDLE = 40 * 800**0.5
"""Tokens of training: the geometric mean of 10, 20, 40 and 80 documents of 40 tokens."""
NOISE = 0.02
"""Standard deviation of a document's nats per token, the same document's for all trainings."""


@dataclass(frozen=True)
class World:
    """What trainings give as functions of configuration, tokens of training and patience.

    `alpha`, `log_a`: of validation PPL; `training`: log training PPL; `rank`: effective rank; `needed`: iterations, 41
    where they never converge; `accuracy`: of validation. `bend`: curvature of log PPL on log tokens, which changes no
    slope of sizes that lie symmetrically about `MIDDLE`.
    """

    alpha: Callable[[Configuration], float]
    log_a: Callable[[Configuration], float]
    training: Callable[[Configuration], float]
    rank: Callable[[Configuration, int], float]
    needed: Callable[[Configuration], int]
    accuracy: Callable[[Configuration, int, Recipe], float]
    bend: float = 0.0

    def train(
        self,
        configuration: Configuration,
        recipe: Recipe,
        vocabulary: Any,
        training: np.ndarray,
        validation: np.ndarray,
        *,
        seed: int,
        **_: Any,
    ) -> xr.Dataset:
        """In the form of `semphase.science.cvfp.model.train`."""
        log_n = np.log(training.size)
        bent = self.bend * (log_n - np.log(MIDDLE)) ** 2
        log_ppl = self.log_a(configuration) + self.alpha(configuration) * log_n + bent
        rank = self.rank(configuration, training.size)
        needed = self.needed(configuration)
        run = min(needed, recipe.most)
        converged = np.where(np.arange(1, run + 1) >= needed, 1.0, 0.5)
        accuracy = self.accuracy(configuration, training.size, recipe)
        documents = {"training": training.shape, "validation": validation.shape}
        mean = {"training": self.training(configuration), "validation": log_ppl}
        arrays: dict[str, Any] = {}
        for split, (count, length) in documents.items():
            offsets = NOISE * np.random.default_rng(0).normal(size=count)
            arrays |= {
                f"{split}_nats": (f"{split}_document", length * (mean[split] + offsets - offsets.mean() + 1e-4 * seed)),
                f"{split}_predicted": (f"{split}_document", np.full(count, length)),
                f"{split}_correct": (f"{split}_document", length * (accuracy + 1e-3 * (offsets - offsets.mean()))),
            }
        arrays |= {
            "rank": ("split", np.full(2, rank)),
            "rank_left_out": (("split", "group"), rank + 1e-4 * np.sin(np.arange(20.0)).reshape(2, 10)),
            "singular_values": (("split", "component"), np.full((2, 4), 0.25)),
            "converged": (("iteration", "training_document"), np.repeat(converged[:, None], len(training), axis=1)),
        }
        attrs = {"configuration": configuration.name, "seed": seed, "epochs": recipe.patience + 2}
        return xr.Dataset(arrays, coords={"split": ["training", "validation"]}, attrs=attrs)


def _two_tokens_best(c: Configuration) -> float:
    """ln A by which two layers suit few data, one layer with two tokens is the best, and a third token adds nothing."""
    return {1: 12.3, 2: 12.0, 3: 12.5}[c.layers] - 0.8 * (c.tokens > 1) - 0.2 * ((c.layers, c.tokens) == (1, 2))


AS_CLAIMED = World(
    alpha=lambda c: {1: -0.46, 2: -0.42, 3: -0.46}[c.layers] - 0.05 * ((c.layers, c.tokens) == (1, 1)),
    log_a=lambda c: (
        _two_tokens_best(c) + 0.4 * (c.token_input == "first") + 0.4 * (c.context_width > c.embedding_width)
    ),
    training=lambda c: 5.0 - 0.3 * c.tokens,
    rank=lambda c, n: 0.7 + 0.05 * c.tokens - 0.6 * (c.token_input == "first") + 1e-3 * np.sin(n * c.tokens + c.layers),
    needed=lambda c: 41 if (c.layers, c.tokens) == (1, 1) else 24 - 4 * c.tokens - c.layers,
    accuracy=lambda c, n, r: 0.2 + (0.01 if r.patience >= 3 else -0.01) * np.log(n),
)
OTHERWISE = World(
    alpha=lambda c: {1: -0.1, 2: -0.2, 3: -0.15}[c.layers] + 0.03 * ((c.layers, c.tokens) == (1, 1)),
    log_a=lambda c: {1: 9.0, 2: 9.5, 3: 8.0}[c.layers] - 0.5 * c.tokens - 0.2 * (c.context_width > c.embedding_width),
    training=lambda c: 5.0 + 0.3 * c.tokens,
    rank=lambda c, n: 0.3 + 0.1 * c.layers - 0.01 * c.tokens + 0.05 * np.log(n / 200),
    needed=lambda c: 10 + 5 * c.tokens,
    accuracy=lambda c, n, r: 0.9 - 0.05 * np.log(n),
    bend=0.1,
)
