"""Labelled arrays as NetCDF-4 files, read and written at a fifth of xarray's cost.

A run reads thousands of small files, and xarray takes longer for one than its numbers are worth. Entries hold numbers, truth
values and texts under named dimensions: h5py reads them, and writes those of numbers alone without labels, in the layout
of h5netcdf, which xarray and any other reader of NetCDF-4 understands. Whatever else there is goes through xarray.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import xarray as xr

LOCKING = False
"""HDF5's own locks, which some network disks have not: a file here appears whole and never changes."""
NUMBERS = "fiu"
BARE = "This is a netCDF dimension but not a netCDF variable."
"""By this name of its scale NetCDF-4 marks a dimension that has a size and no labels."""
LONGEST = 2**15
"""Characters of an attribute; HDF5 takes 64 KiB, and a character may take two bytes."""
LAYOUT = {
    "CLASS", "NAME", "REFERENCE_LIST", "DIMENSION_LIST", "_Netcdf4Dimid", "_Netcdf4Coordinates", "_NCProperties",
}  # fmt: skip
"""Attributes by which HDF5 and h5netcdf tie dimensions to variables."""
PACKING = {"scale_factor", "add_offset", "missing_value", "calendar", "_Unsigned"}


def write(path: Path, dataset: xr.Dataset) -> None:
    """Write a new file; OSError where the disk refuses.

    It is made in memory: HDF5 that cannot write to a full disk takes the whole process down with it.
    """
    path.write_bytes(_plain_image(dataset) if _is_plain(dataset) else dataset.to_netcdf(engine="h5netcdf"))


def _plain_image(dataset: xr.Dataset) -> bytes:
    with h5py.File("in memory", "w", track_order=True, driver="core", backing_store=False) as file:
        scales = {str(dim): file.create_dataset(str(dim), (size,), ">f4") for dim, size in dataset.sizes.items()}
        numbers = {dim: np.int32(number) for number, dim in enumerate(scales)}
        for own, scale in scales.items():
            scale.make_scale(f"{BARE}{scale.size:10d}")
            scale.attrs["_Netcdf4Dimid"] = numbers[own]
        for name, variable in dataset.variables.items():
            values = file.create_dataset(str(name), data=variable.values)
            for axis, dim in enumerate(variable.dims):
                values.dims[axis].attach_scale(scales[str(dim)])
            if variable.dims:
                values.attrs["_Netcdf4Coordinates"] = np.array([numbers[str(dim)] for dim in variable.dims])
        file.attrs.update(dataset.attrs)
        file.flush()
        image: bytes = file.id.get_file_image()
    return image


def read(path: Path) -> xr.Dataset:
    """All that a file holds, in memory."""
    try:
        with h5py.File(path, "r", locking=LOCKING) as file:
            return _dataset(file)
    except _Unusual:
        return xr.load_dataset(path, engine="h5netcdf", driver_kwds={"locking": LOCKING})


class _Unusual(Exception):
    """The file holds what only xarray reads."""


def _is_plain(dataset: xr.Dataset) -> bool:
    """Numbers alone, without labels and attributes of their own; not without elements, which HDF5 keeps otherwise."""
    told = all(isinstance(value, str) and len(value) < LONGEST for value in dataset.attrs.values())
    numbers = all(own.dtype.kind in NUMBERS and own.size and not own.attrs for own in dataset.variables.values())
    names = {str(name) for name in (*dataset.variables, *dataset.attrs, *dataset.sizes)}
    return told and numbers and not dataset.coords and not any("/" in name for name in names)


def _dataset(file: h5py.File) -> xr.Dataset:
    parts = {name: (part, _attributes(part)) for name, part in file.items()}
    attributes = _attributes(file)
    scales = {int(own["_Netcdf4Dimid"]): name for name, (_, own) in parts.items() if "CLASS" in own}
    coordinates = {*scales.values(), *_named(attributes.pop("coordinates", ""))}
    variables = {}
    for name, (part, own) in parts.items():
        coordinates.update(_named(own.pop("coordinates", "")))
        if not bytes(own.get("NAME", b"")).startswith(BARE.encode()):
            variables[name] = _variable(part, own, scales)
    return xr.Dataset(variables, attrs=_told(attributes)).set_coords(coordinates & variables.keys())


def _variable(part: h5py.Dataset, attributes: dict[str, Any], scales: dict[int, str]) -> xr.Variable:
    if not isinstance(part, h5py.Dataset) or PACKING & attributes.keys() or " since " in str(attributes.get("units")):
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
    return {name: own for name, own in attributes.items() if name not in LAYOUT}
