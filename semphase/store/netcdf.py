"""Labelled arrays as NetCDF-4 files.

Most entries of a store are small and plain: numbers along named dimensions, without labels. xarray takes ten
milliseconds to read one and as many to write it, so these go through h5py, in the layout that xarray and any other
reader of NetCDF-4 understands; all others go through xarray.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import xarray as xr

NUMBERS = "fiu"
BARE = "This is a netCDF dimension but not a netCDF variable."
"""By this name of its scale NetCDF-4 marks a dimension that has a size and no labels."""
STRUCTURE = {"DIMENSION_LIST", "_Netcdf4Coordinates", "_Netcdf4Dimid"}
FILL = "_FillValue"
LONGEST = 2**15
"""Characters of an attribute; HDF5 takes 64 KiB, and a character may take two bytes."""


def write(path: Path, dataset: xr.Dataset) -> None:
    """Write a new file."""
    if not _is_plain(dataset):
        dataset.to_netcdf(path, engine="h5netcdf")
        return
    with h5py.File(path, "w", track_order=True) as file:
        scales = {str(dim): file.create_dataset(str(dim), (size,), ">f4") for dim, size in dataset.sizes.items()}
        for scale in scales.values():
            scale.make_scale(f"{BARE}{scale.size:10d}")
        for name, variable in dataset.variables.items():
            values = file.create_dataset(str(name), data=variable.values)
            for axis, dim in enumerate(variable.dims):
                values.dims[axis].attach_scale(scales[str(dim)])
        file.attrs.update(dataset.attrs)


def read(path: Path) -> xr.Dataset:
    """All that a file holds, in memory."""
    with h5py.File(path, "r") as file:
        attributes = {name: value for name, value in file.attrs.items() if name != "_NCProperties"}
        found = {name: _plain_values(file, part) for name, part in file.items() if not _is_bare(part)}
    plain = {name: values for name, values in found.items() if values is not None}
    if len(plain) < len(found) or not all(isinstance(value, str) for value in attributes.values()):
        return xr.load_dataset(path, engine="h5netcdf")
    return xr.Dataset(plain, attrs=attributes)


def _is_plain(dataset: xr.Dataset) -> bool:
    """Numbers alone, without labels and attributes of their own; not without elements, which HDF5 keeps otherwise."""
    told = all(isinstance(value, str) and len(value) < LONGEST for value in dataset.attrs.values())
    numbers = all(own.dtype.kind in NUMBERS and own.size and not own.attrs for own in dataset.variables.values())
    names = {str(name) for name in (*dataset.variables, *dataset.attrs, *dataset.sizes)}
    return told and numbers and not dataset.coords and not any("/" in name for name in names)


def _is_bare(part: Any) -> bool:
    name = part.attrs.get("NAME", b"")
    return bool((name if isinstance(name, bytes) else str(name).encode()).startswith(BARE.encode()))


def _plain_values(file: h5py.File, part: Any) -> tuple[tuple[str, ...], np.ndarray] | None:
    """Dimensions and values; None for what xarray has to decode."""
    own = dict(part.attrs)
    fill = own.pop(FILL, np.nan)
    if not isinstance(part, h5py.Dataset) or part.dtype.kind not in NUMBERS or own.keys() - STRUCTURE:
        return None
    if not (part.dtype.kind == "f" and np.isnan(fill).all()) and fill is not np.nan:
        return None
    dims = tuple(file[scales[0]] for scales in own.get("DIMENSION_LIST", ()))
    if len(dims) != part.ndim or not all(map(_is_bare, dims)):
        return None
    return tuple(dim.name.removeprefix("/") for dim in dims), part[()]
