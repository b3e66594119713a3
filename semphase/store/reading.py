"""Reading an entry back: what `xarray.load_dataset` gives, at a fifth of its cost.

A repeated run reads thousands of small files, and xarray takes longer for one than its numbers are worth. An entry holds
numbers, truth values and texts under named dimensions, as h5netcdf writes them; whatever else there is, xarray reads.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import xarray as xr

_BARE = b"This is a netCDF dimension but not a netCDF variable"
_LAYOUT = {
    "CLASS", "NAME", "REFERENCE_LIST", "DIMENSION_LIST", "_Netcdf4Dimid", "_Netcdf4Coordinates", "_NCProperties",
}  # fmt: skip
"""Attributes by which HDF5 and h5netcdf tie dimensions to variables."""
_PACKING = {"scale_factor", "add_offset", "missing_value", "calendar", "_Unsigned"}


class _Unusual(Exception):
    """The file holds what only xarray reads."""


def load(path: Path) -> xr.Dataset:
    """The dataset that was written to `path` with h5netcdf, in memory."""
    try:
        with h5py.File(path, "r") as file:
            return _dataset(file)
    except _Unusual:
        return xr.load_dataset(path, engine="h5netcdf")


def _dataset(file: h5py.File) -> xr.Dataset:
    parts = {name: (part, _attributes(part)) for name, part in file.items()}
    attributes = _attributes(file)
    scales = {int(own["_Netcdf4Dimid"]): name for name, (_, own) in parts.items() if "CLASS" in own}
    coordinates = {*scales.values(), *_named(attributes.pop("coordinates", ""))}
    variables = {}
    for name, (part, own) in parts.items():
        coordinates.update(_named(own.pop("coordinates", "")))
        if not bytes(own.get("NAME", b"")).startswith(_BARE):
            variables[name] = _variable(part, own, scales)
    return xr.Dataset(variables, attrs=_told(attributes)).set_coords(coordinates & variables.keys())


def _variable(part: h5py.Dataset, attributes: dict[str, Any], scales: dict[int, str]) -> xr.Variable:
    if not isinstance(part, h5py.Dataset) or _PACKING & attributes.keys() or " since " in str(attributes.get("units")):
        raise _Unusual
    dims = [scales[number] for number in np.atleast_1d(attributes.get("_Netcdf4Coordinates", ()))]
    if not dims and "CLASS" in attributes:
        dims = [scales[int(attributes["_Netcdf4Dimid"])]]
    if len(dims) != part.ndim:
        raise _Unusual
    values = np.asarray(part.asstr()[()], dtype=str) if h5py.check_string_dtype(part.dtype) else part[()]
    return xr.Variable(dims, _decoded(values, attributes), _told(attributes))


def _decoded(values: Any, attributes: dict[str, Any]) -> Any:
    """Truth values, which HDF5 has not, from bytes; a fill value is nan, which needs no filling."""
    kind, filled = attributes.pop("dtype", None), attributes.pop("_FillValue", np.nan)
    if kind not in (None, "bool") or not np.isnan(filled):
        raise _Unusual
    return values.astype(bool) if kind == "bool" else values


def _attributes(part: Any) -> dict[str, Any]:
    """All of them, single numbers as such; the lists of references, which are slow to read, are left out."""
    found = {name: part.attrs[name] for name in part.attrs if not name.endswith("_LIST")}
    return {name: own[0] if isinstance(own, np.ndarray) and own.shape == (1,) else own for name, own in found.items()}


def _named(coordinates: str) -> list[str]:
    return coordinates.split()


def _told(attributes: dict[str, Any]) -> dict[str, Any]:
    return {name: own for name, own in attributes.items() if name not in _LAYOUT}
