"""Files of the store are NetCDF whoever writes and reads them, and hold what was put in."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from semphase.store import netcdf

RNG = np.random.default_rng(0)
PLAIN = {
    "losses": xr.Dataset(
        {"sums": (("head", "block"), RNG.normal(size=(3, 32))), "counts": ("block", np.full(32, 64))},
        attrs={"unit": "nats", "key": '{"μ": 1}'},
    ),
    "scalars": xr.Dataset({"kept": 1e-7, "moved": 0.5, "count": 3}),
    "nothing measured": xr.Dataset({"x": (("layer", "d"), np.array([[np.nan, 1.0]], dtype=np.float32))}),
    "half": xr.Dataset({"x": ("d", RNG.normal(size=4).astype(np.float16)), "n": ("d", np.arange(4, dtype=np.uint8))}),
}
LABELLED = {
    "labels": xr.Dataset({"x": ("form", [1.0, 2.0])}, coords={"form": ["zero", "mean"], "seed": 3}),
    "numbers as labels": xr.Dataset({"x": ("length", [1.0, 2.0])}, coords={"length": [512, 1024]}),
    "flags": xr.Dataset({"x": ("head", [True, False])}),
    "texts": xr.Dataset({"x": ("head", ["a", "β"])}),
    "units": xr.Dataset({"x": ("head", [1.0, 2.0], {"unit": "nats"})}),
    "a number told": xr.Dataset({"x": ("head", [1.0, 2.0])}, attrs={"heads": 2}),
    "a long text told": xr.Dataset({"x": ("head", [1.0, 2.0])}, attrs={"told": "é" * 2**14}),
    "no head": xr.Dataset({"x": (("head", "d"), np.zeros((0, 2)))}),
}


@pytest.mark.parametrize("name", [*PLAIN, *LABELLED])
def test_what_is_read_is_what_xarray_would_have_written_and_read(tmp_path: Path, name: str) -> None:
    dataset = (PLAIN | LABELLED)[name]
    own, other = tmp_path / "own.nc", tmp_path / "other.nc"
    netcdf.write(own, dataset)
    dataset.to_netcdf(other, engine="h5netcdf")
    expected = xr.load_dataset(other, engine="h5netcdf")
    for found in (netcdf.read(own), netcdf.read(other), xr.load_dataset(own, engine="h5netcdf")):
        xr.testing.assert_identical(found, expected)
        assert {key: part.dtype for key, part in found.items()} == {key: part.dtype for key, part in expected.items()}
        assert list(found) == list(expected)


@pytest.mark.parametrize("name", PLAIN)
def test_plain_numbers_do_without_xarray_s_reader_and_writer(tmp_path, monkeypatch, name):
    def refuse(*_args, **_options):
        raise AssertionError("xarray was asked")

    monkeypatch.setattr(xr.Dataset, "to_netcdf", refuse)
    monkeypatch.setattr(xr, "load_dataset", refuse)
    netcdf.write(tmp_path / "own.nc", PLAIN[name])
    xr.testing.assert_identical(netcdf.read(tmp_path / "own.nc"), PLAIN[name])
