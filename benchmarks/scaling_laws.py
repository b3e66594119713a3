"""What a sweep over single heads takes: time and memory against layers, heads, width and tokens, fitted on measurements.

Zeroing one head in block k of L costs the blocks behind it and the readout. A block costs its matrix products,
2 · weights · tokens operations; causal attention, 2 · (heads · d_head) · length · tokens; and passes over the stream,
tokens · d numbers (norms, activations, additions). The readout costs 2 · d · vocabulary · tokens. Memory is the weights,
the streams that are kept up to a bound, so many streams of one pass, and a constant.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.optimize import nnls

FLOAT32 = 4
KEPT = 4 * 2**30
"""Bytes of streams that stay in memory; the rest lies in a file."""


@dataclass(frozen=True, slots=True)
class Shape:
    """A model's sizes; `block_weights` are those of a block's matrix products, `attention_width` is heads times d_head."""

    name: str
    layers: int
    heads: int
    d_model: int
    attention_width: int
    block_weights: int
    vocabulary: int

    @property
    def parameters(self) -> int:
        """Blocks and one embedding."""
        return self.layers * self.block_weights + self.vocabulary * self.d_model

    def block_work(self, tokens: int, length: int) -> Float[np.ndarray, three]:
        """Operations of products, operations of attention, and numbers passed over, of one block."""
        per_token = 2 * self.block_weights, 2 * self.attention_width * length, self.d_model
        return tokens * np.array(per_token, dtype=float)

    def sweep(self, block: float, readout: float) -> float:
        """Seconds for all heads, one after the other, from those of one block and of the readout."""
        behind = self.heads * self.layers * (self.layers + 1) / 2
        return (self.layers + behind) * block + self.layers * self.heads * readout

    def held(self, tokens: int, itemsize: int) -> int:
        """Bytes of the weights, and of the streams that are kept of so many tokens."""
        return self.parameters * itemsize + min(KEPT, tokens * self.layers * self.d_model * itemsize)

    def readout_work(self, tokens: int) -> float:
        """Operations of the readout."""
        return 2.0 * self.d_model * self.vocabulary * tokens


@dataclass(frozen=True, slots=True)
class Point:
    """What was measured: seconds of one block and of the readout on so many tokens, in chunks of `length`, peak bytes."""

    shape: Shape
    tokens: int
    length: int
    block: float
    readout: float
    peak: int


@dataclass(frozen=True, slots=True)
class Law:
    """Seconds for an operation of products, of attention, a number of the stream, an operation of the readout; memory."""

    block: tuple[float, float, float]
    readout: float
    streams: float
    constant: float

    def sweep(self, shape: Shape, tokens: int, length: int) -> float:
        """Seconds for all heads alone, one after the other, on so many tokens."""
        block = float(shape.block_work(tokens, length) @ np.array(self.block))
        return shape.sweep(block, shape.readout_work(tokens) * self.readout)

    def memory(self, shape: Shape, tokens: int, pass_tokens: int, itemsize: int = FLOAT32) -> float:
        """Peak bytes."""
        return shape.held(tokens, itemsize) + self.streams * pass_tokens * shape.d_model * itemsize + self.constant


def fit(points: Sequence[Point]) -> Law:
    """Least squares of relative errors, without negative costs."""
    work = np.array([own.shape.block_work(own.tokens, own.length) for own in points])
    seconds = np.array([own.block for own in points])
    block, _ = nnls(work / seconds[:, None], np.ones(len(points)))
    read = np.array([own.shape.readout_work(own.tokens) / own.readout for own in points])
    beside = np.array([own.peak - own.shape.held(own.tokens, FLOAT32) for own in points], dtype=float)
    passed = np.array([[own.tokens * own.shape.d_model * FLOAT32, 1.0] for own in points])
    peak = np.array([own.peak for own in points], dtype=float)
    memory, _ = nnls(passed / peak[:, None], beside / peak)
    return Law(tuple(block.tolist()), float(read.sum() / (read @ read)), *memory.tolist())


def measured_sweep(own: Point) -> float:
    """Seconds for all heads, from one block and the readout as measured."""
    return own.shape.sweep(own.block, own.readout)
