"""How fast a device multiplies matrices: for guesses at times before anything was measured."""

from __future__ import annotations

import time

import torch

SIZES = {"cpu": 1024}
LARGE = 4096
ENOUGH = 0.2
"""Seconds."""


def products_per_second(device: torch.device, dtype: torch.dtype) -> float:
    """Floating-point operations a second in a matrix product: more than any model reaches."""
    size = SIZES.get(device.type, LARGE)
    matrix = torch.ones(size, size, device=device, dtype=dtype)
    _seconds(matrix, 1)  # what a first product prepares is left out
    repeats, taken = 1, 0.0
    while (taken := _seconds(matrix, repeats)) < ENOUGH:
        repeats *= 2
    return 2.0 * size**3 * repeats / taken


def _seconds(matrix: torch.Tensor, repeats: int) -> float:
    begun = time.perf_counter()
    product = matrix
    for _ in range(repeats):
        product = matrix @ matrix
    product[0, 0].item()  # waits for the device
    return time.perf_counter() - begun
