"""Work side by side: order of the results, who is told, what an error stops, threads given back."""

from __future__ import annotations

import threading
import time

import pytest
import torch

from semphase.errors import SemphaseError
from semphase.science.cvfp.together import each_of, workers_for


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_results_come_in_order_and_all_are_told(workers):
    told = []
    assert each_of(range(9), lambda i: i * i, workers, told.append) == [i * i for i in range(9)]
    assert sorted(told) == list(range(9))


def test_several_run_at_once():
    both = threading.Barrier(2, timeout=30)
    assert len(each_of([0, 1], lambda _: both.wait(), 2, lambda _: None)) == 2


@pytest.mark.parametrize("workers", [1, 2])
def test_an_error_stops_what_has_not_begun(workers):
    begun = []

    def work(i):
        begun.append(i)
        if i == 1:
            raise SemphaseError("diverged")
        time.sleep(0.01)  # else all are done before the caller hears of the first

    with pytest.raises(SemphaseError, match="diverged"):
        each_of(range(500), work, workers, lambda _: None)
    assert len(begun) < 500


def test_tensor_threads_are_given_back():
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        seen = each_of(range(4), lambda _: torch.get_num_threads(), 2, lambda _: None)
        assert (seen, torch.get_num_threads()) == ([1, 1, 1, 1], 3)
    finally:
        torch.set_num_threads(before)


def test_wide_models_and_devices_run_alone():
    before = torch.get_num_threads()
    torch.set_num_threads(4)
    try:
        found = [workers_for(64, torch.device("cpu")), workers_for(576, torch.device("cpu"))]
        assert [*found, workers_for(64, torch.device("cuda"))] == [4, 1, 1]
    finally:
        torch.set_num_threads(before)
