"""One measurement on disk: a NetCDF file and its checksum, which is looked at only whole."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path

import xarray as xr

from semphase.files import atomically, clear_scratch, sha256_of, write_atomically
from semphase.store import netcdf

FULL = {errno.ENOSPC, errno.EDQUOT}
FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}
LOCKLESS = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP}
"""Numbers of errors that say why a disk refuses."""


def whole(path: Path) -> xr.Dataset | None:
    """The entry, whoever writes meanwhile; None where it is not there, not whole yet, or damaged."""
    checksum = path.with_suffix(".sha256")
    if not path.exists() or not checksum.exists() or checksum.read_bytes().strip() != sha256_of(path).encode():
        return None
    return netcdf.read(path)


def write(path: Path, dataset: xr.Dataset, share: Callable[[Path, bytes], None]) -> None:
    """Write an entry; `share(file, checksum)` is called before it is there.

    The checksum first: where a kill comes between, the entry is missing, or damaged if it was before; never whole.
    """
    clear_scratch(path)
    clear_scratch(path.with_suffix(".sha256"))
    with atomically(path) as scratch:
        netcdf.write(scratch, dataset)
        checksum = sha256_of(scratch).encode()
        write_atomically(path.with_suffix(".sha256"), checksum)
        share(scratch, checksum)


def way_out(problem: OSError) -> str:
    """What helps against an error of the disk."""
    if "lock file" in str(problem):  # HDF5's words; it gives no number of its own
        return "set HDF5_USE_FILE_LOCKING=FALSE, since HDF5 cannot lock files there, or choose another with --store"
    ways = [
        (FULL, "free some space or choose another with --store"),
        (FORBIDDEN, "what it does not hold cannot be kept there, so choose another with --store"),
        (LOCKLESS, "files cannot be locked there, so choose one on a disk of this machine with --store"),
    ]
    return next((way for numbers, way in ways if problem.errno in numbers), "choose another with --store")
