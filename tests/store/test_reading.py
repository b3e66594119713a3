"""What is read back is what xarray reads, whatever an entry holds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from semphase.store.netcdf import read

WORDS = xr.Dataset(
    {
        "stream": (("word", "layer", "d"), np.arange(12, dtype=np.float32).reshape(2, 3, 2), {"unit": "of the model"}),
        "square": (("layer", "layer_too"), np.array([[1, np.nan], [np.inf, -0.0], [2, 3]])),
        "known": ("word", np.array([True, False])),
        "count": 7,
        "largest": np.float32(2.5),
        "sure": True,
        "text": "größte",
    },
    coords={
        "word": ["bank", "Fluß"],
        "layer": [0, 4, 9],
        "role": ("word", ["a", "b"]),
        "length": ("word", np.array([3, 5], np.int32)),
        "model": "tiny",
    },
    attrs={"key": '{"a": 1}', "seed": 3, "rate": 0.5, "sizes": [1, 2, 3], "name": ""},
)
EMPTY = xr.Dataset({"none": (("x", "y"), np.zeros((0, 3))), "untold": ("x", np.array([], dtype="<U3"))})
DAYS = xr.Dataset({"day": ("x", np.array(["2026-01-01", "2026-01-02"], dtype="datetime64[ns]"))})
PACKED = xr.Dataset({"z": ("x", np.array([1, 2], np.int16), {"scale_factor": 0.5})})


def written(dataset: xr.Dataset, path: Path) -> Path:
    dataset.to_netcdf(path, engine="h5netcdf")
    return path


@pytest.mark.parametrize(
    "dataset", [WORDS, EMPTY, DAYS, PACKED, xr.Dataset()], ids=["words", "empty", "days", "packed", "bare"]
)
def test_it_is_what_xarray_reads(tmp_path: Path, dataset: xr.Dataset) -> None:
    path = written(dataset, tmp_path / "entry.nc")
    found, wanted = read(path), xr.load_dataset(path, engine="h5netcdf")
    xr.testing.assert_identical(found, wanted)
    assert list(found.data_vars) == list(wanted.data_vars)
    assert {name: part.dtype for name, part in found.variables.items()} == {
        name: part.dtype for name, part in wanted.variables.items()
    }
    assert {name: type(told) for name, told in found.attrs.items()} == {
        name: type(told) for name, told in wanted.attrs.items()
    }
    path.unlink()
    found.load()  # nothing is left in the file
