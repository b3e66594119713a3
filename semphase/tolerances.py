"""How far two computations of one number may differ, by dtype; every figure with its reason."""

from __future__ import annotations

import math

EPSILON = {"float64": 2.0**-52, "float32": 2.0**-23, "float16": 2.0**-10, "bfloat16": 2.0**-7}
GROWTH = 32
"""Rounding errors of a deep sum add up like a random walk; the norms between the blocks amplify them."""


def stream_tolerance(dtype: str, layers: int, d_model: int) -> float:
    """Largest difference of two residual streams relative to their norm, between devices or batch shapes.

    Each block adds sums of about 4·d_model products: an error of eps·√(4·d_model) for each of `layers` blocks,
    adding in quadrature, times `GROWTH`.
    """
    return GROWTH * EPSILON[dtype] * math.sqrt(4 * d_model * layers)


def angle_tolerance(dtype: str, layers: int, d_model: int) -> float:
    """The same for the angle between two streams, in radians: each direction moves by the relative error."""
    return 2 * stream_tolerance(dtype, layers, d_model)


def loss_tolerance(dtype: str) -> float:
    """Largest relative difference of two mean losses of the same tokens.

    Rounding errors of single tokens average out; 1e-6 in float32 is about eight roundings of the mean. In half
    precision both sides round their products alike and differ in the order of sums, so the square root is taken.
    """
    return 1e-6 * math.sqrt(max(1.0, EPSILON[dtype] / EPSILON["float32"]))


def repeated_loss_tolerance(dtype: str) -> float:
    """The same between a device that computes in the dtype and a CPU that computes in float32.

    In half precision one side alone rounds its weights and streams, which is no random error of single tokens and does
    not average out: four roundings of the dtype, where the packaged tiny models show up to 0.6. In float64 it is the CPU
    that rounds.
    """
    return max(loss_tolerance("float32"), 4 * EPSILON[dtype])
