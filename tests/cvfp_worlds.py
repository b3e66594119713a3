"""CVFP trainings whose outcome is planted, so that the verdict on them is known beforehand."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from semphase.science.cvfp.model import Configuration, Recipe

MIDDLE = 40 * 800**0.5
"""Tokens of training: the geometric mean of 10, 20, 40 and 80 documents of 40 tokens."""
NOISE, OWN, OF_SEED = 0.02, 0.01, 1e-3
"""Standard deviation of a document's nats per token: the same for all trainings, of each, and of its seed."""


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
        rng = np.random.default_rng(zlib.crc32(repr((configuration, recipe, training.shape, seed)).encode()))
        converged = np.where(np.arange(1, run + 1) >= needed, 1.0, rng.uniform(0.3, 0.6))
        of_seed = rng.normal()
        accuracy = self.accuracy(configuration, training.size, recipe)
        documents = {"training": training.shape, "validation": validation.shape}
        mean = {"training": self.training(configuration), "validation": log_ppl}
        arrays: dict[str, Any] = {}
        for split, (count, length) in documents.items():
            offsets = NOISE * np.random.default_rng(0).normal(size=count)
            own = offsets - offsets.mean() + OWN * rng.normal(size=count) + OF_SEED * of_seed
            arrays |= {
                f"{split}_nats": (f"{split}_document", length * (mean[split] + own)),
                f"{split}_predicted": (f"{split}_document", np.full(count, length)),
                f"{split}_correct": (f"{split}_document", length * (accuracy + 0.1 * own)),
            }
        arrays |= {
            "rank": ("split", np.full(2, rank + 1e-4 * of_seed)),
            "rank_left_out": (("split", "group"), rank + 1e-4 * of_seed + 1e-5 * rng.normal(size=(2, 10))),
            "singular_values": (("split", "component"), np.full((2, 4), 0.25)),
            "converged": (("iteration", "training_document"), np.repeat(converged[:, None], len(training), axis=1)),
        }
        # The best epoch is the one before the last.
        means = np.array(
            [[mean[split] + 0.01 * later + OF_SEED * of_seed for split in documents] for later in (5, 0, 1)]
        )
        arrays["epoch_perplexity"] = (("epoch", "split"), np.exp(means))
        attrs = {"configuration": configuration.name, "seed": seed, "epochs": recipe.patience + 2, "best_epoch": 1}
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


def agreement(mean: float, trend: float, seed: int, documents: int, length: int) -> xr.DataArray:
    """Cosines of every position about a mean, which changes along the text by a trend in all; never above 1."""
    rng = np.random.default_rng(seed)
    along = np.linspace(-0.5, 0.5, documents * length)
    cosine = mean + trend * along + 2e-4 * rng.normal() + 5e-4 * rng.uniform(-1, 1, size=along.shape)
    return xr.DataArray(np.minimum(cosine, 1.0), dims="position")


def cache_times(parallel: tuple[float, float], again: tuple[float, float], documents: int) -> xr.Dataset:
    """Two forms with their speed, known but for some percent, and their differences within documents."""
    rng = np.random.default_rng(0)
    (fast, apart), (other, other_apart) = parallel, again
    seconds = np.array([[1.0], [1 / fast], [1 / other]]) * rng.uniform(0.95, 1.05, size=(3, 9))
    differences = np.array([[0.0], [apart], [other_apart]]) * rng.uniform(0.5, 1.5, size=(3, documents))
    return xr.Dataset(
        {
            "seconds": (("form", "repeat"), seconds),
            "largest_difference": (("form", "training_document"), differences),
            "size": ((), 1.0),
        },
        coords={"form": ["sequential", "parallel", "sequential again"]},
        attrs={"tokens": 400},
    )
