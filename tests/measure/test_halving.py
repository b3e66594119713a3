"""What memory does not hold at once is taken in halves, with a notice and the same numbers; the least is refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import pytest
import torch
import xarray as xr

from semphase import Prompts
from semphase.measure import sites
from semphase.measure.blocks import broadcasts
from semphase.measure.edits import zeroed
from semphase.measure.halving import in_passes
from semphase.measure.replay import Replay
from semphase.measure.sweeps import head_by_head, substitute
from semphase.models import Model, load
from semphase.models.memory import OutOfMemory, lacks_memory
from semphase.remarks import heard_by
from semphase.store import Store
from semphase.study import Study
from semphase.tolerances import stream_tolerance

ERRORS = {
    "cuda": torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
    "cublas": RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    "mps": RuntimeError("MPS backend out of memory (MPS allocated: 18.13 GB)."),
    "cpu": RuntimeError("[enforce fail at alloc_cpu.cpp:121] DefaultCPUAllocator: can't allocate memory: you tried to"),
    "windows": RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 64 bytes."),
    "numpy": MemoryError("Unable to allocate 2.00 GiB for an array"),
}
OWN = Prompts.of(
    "own",
    ["anna saw the boat", "the bank", "anna took the boat to the bank", "the card", "anna", "the shelf by the bank"],
    right=[" the"] * 6, wrong=[" boat"] * 6,
)  # fmt: skip
LABELS = {(layer, head): [zeroed(sites.head(layer, head))] for layer in range(2) for head in range(2)}


@contextmanager
def memory_for(model: Model, rows: int, error: Exception) -> Iterator[None]:
    """Inside the block every pass of more rows raises the error."""

    def refuse(_block: object, args: tuple, kwargs: dict) -> None:
        if len(args[0] if args else kwargs["hidden_states"]) > rows:
            raise error

    handles = [block.register_forward_pre_hook(refuse, with_kwargs=True) for block in model.anatomy.blocks]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def text(study: Study) -> np.ndarray:
    return study.varied(chunk=0.1).text.baseline("judge").sums


MEASURED: dict[str, Callable[[Study], xr.DataArray | np.ndarray]] = {
    "values": lambda study: study.prompts(OWN).read(sites.stream(6)),
    "losses": lambda study: study.prompts(OWN).losses(),
    "scores": lambda study: study.prompts(OWN).logit_difference(),
    "gradient": lambda study: study.prompts(OWN).gradient(sites.stream(2)),
    "sweep": lambda study: study.sweep(OWN, LABELS, "losses"),
    "sweep of scores": lambda study: study.sweep(OWN, LABELS, "logit_difference"),
    "sweep of a site": lambda study: study.sweep(OWN, LABELS, sites.stream(6)),
    "texts": lambda study: study.generate(OWN, tokens=4).log_probabilities,
    "text": text,
}


def unlike(found: xr.DataArray | np.ndarray, known: xr.DataArray | np.ndarray) -> float:
    """The largest difference, relative to the largest number."""
    found, known = np.asarray(found), np.asarray(known)
    assert np.array_equal(np.isnan(found), np.isnan(known))
    return float(np.nanmax(abs(found - known)) / np.nanmax(abs(known)))


@pytest.mark.parametrize("name", MEASURED)
def test_halves_give_the_same_numbers_and_a_notice(name, tiny, study_of, tmp_path):
    study = study_of(tiny, store=Store(tmp_path / "pressed"))
    # Four chunks of text: a group of two, which one row does not hold.
    known = MEASURED[name](study_of(tiny, store=Store(tmp_path / "free")))
    with memory_for(tiny, 1, ERRORS["cpu"]):
        found = MEASURED[name](study)
    assert unlike(found, known) < stream_tolerance("float32", tiny.layers, tiny.d_model)
    assert study.store.notices == ["passes of tiny were halved where the memory of cpu did not hold them."]


def test_a_model_is_looked_into_with_memory_for_one_row(study_of, tmp_path):
    found = {}
    for rows in (1, 8):
        fresh = load("tiny-short")
        with memory_for(fresh, rows, ERRORS["cpu"]):
            found[rows] = study_of(fresh, store=Store(tmp_path / f"{rows}")).sweep(OWN, LABELS, "losses")
            assert broadcasts(fresh) == (rows > 1)
    assert unlike(found[1], found[8]) < stream_tolerance("float32", fresh.layers, fresh.d_model)


def test_heads_are_halved(tiny):
    told: list[str] = []
    with Replay(tiny, torch.arange(3, 27).view(2, 12)) as replay:
        known = head_by_head(replay, 1, substitute("zero"))
        with heard_by(told), memory_for(tiny, 2, ERRORS["cuda"]):
            found = head_by_head(replay, 1, substitute("zero"))
    assert unlike(found, known) < stream_tolerance("float32", tiny.layers, tiny.d_model)
    assert len(told) == 1


@pytest.mark.parametrize("error", ERRORS.values(), ids=ERRORS)
def test_every_device_s_error_is_known(error, tiny):
    told: list[str] = []

    def run(rows: list[int]) -> int:
        if len(rows) > 2:
            raise error
        return sum(rows)

    with heard_by(told):
        assert [*in_passes(tiny, [[1, 2, 3, 4, 5], [6, 7, 8]], run)] == [
            ([1, 2], 3), ([3], 3), ([4, 5], 9), ([6, 7], 13), ([8], 8)
        ]  # fmt: skip
    assert len(told) == 1


def test_other_errors_are_not_taken_for_it(tiny):
    def run(_: list[int]) -> None:
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    assert not lacks_memory(ValueError("out of memory"))
    with pytest.raises(RuntimeError, match="mat1"):
        next(in_passes(tiny, [[1, 2]], run))


@pytest.mark.parametrize("name", MEASURED)
def test_where_one_prompt_does_not_fit_a_sentence_says_so(name, tiny, study_of):
    with memory_for(tiny, 0, ERRORS["cuda"]), pytest.raises(OutOfMemory, match="does not hold the least pass of tiny"):
        MEASURED[name](study_of(tiny))
    # What a pass changed of the model is as it was.
    assert study_of(tiny).prompts(OWN).losses().notnull().any()
