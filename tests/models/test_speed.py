"""The speed of matrix products: a guess needs its order of magnitude."""

from __future__ import annotations

import pytest
import torch

from semphase.models import speed


def test_a_product_counts_two_operations_for_each_multiplication(monkeypatch):
    taken = []

    def seconds(matrix, repeats):
        taken.append(repeats)
        return 0.1 * repeats

    monkeypatch.setattr(speed, "_seconds", seconds)
    found = speed.products_per_second(torch.device("cpu"), torch.float32)
    assert found == pytest.approx(2 * 1024**3 / 0.1)
    assert taken == [1, 1, 2]


def test_this_machine_multiplies():
    assert 1e8 < speed.products_per_second(torch.device("cpu"), torch.float32) < 1e15
