"""A store that many machines reach by a URL, through fsspec: entries under the same names as in the folder here.

An entry is put there checksum first and looked at only whole, as on disk, so whoever comes between finds it missing.
"""

from __future__ import annotations

import contextlib
import glob
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from semphase.errors import SemphaseError
from semphase.files import atomically, write_atomically

CHECKSUM = ".sha256"


@dataclass(frozen=True)
class Remote:
    """The place that a URL names; SemphaseError, with the driver's reason, where it cannot be used."""

    url: str

    def require_usable(self) -> None:
        """Put a block of bytes there, and take it away again."""
        if glob.has_magic(self.url):
            raise SemphaseError(
                f"the store {self.url} has one of *?[ in its name, which are read as a pattern; choose another with --store."
            )
        name = f".try-{uuid.uuid4().hex}"
        self.write(name, b"semphase")
        self.remove(name)

    def bring(self, paths: Iterable[tuple[str, Path]]) -> None:
        """Bring the entries of these names to these places here, as far as they are there."""
        wanted = dict(paths)
        for name, checksum in self._checksums(wanted).items():
            path = wanted[name]
            with self._using(), contextlib.suppress(FileNotFoundError), atomically(path) as scratch:
                self._files.get_file(self._at(name), str(scratch))
                write_atomically(path.with_suffix(CHECKSUM), checksum)

    def put(self, name: str, path: Path, checksum: bytes) -> None:
        """Put an entry there."""
        self.write(_checksum(name), checksum)
        with self._using():
            self._beneath(name, lambda: self._files.put_file(str(path), self._at(name)))

    def complete(self, paths: Iterable[tuple[str, Path]]) -> None:
        """Put the entries there that it lacks, such as those of a place that was emptied."""
        wanted = dict(paths)
        for name in wanted.keys() - self._checksums(wanted).keys():
            self.put(name, wanted[name], wanted[name].with_suffix(CHECKSUM).read_bytes())

    def read(self, name: str) -> bytes | None:
        """What a small file holds; None where there is none."""
        with self._using():
            try:
                found: bytes = self._files.cat_file(self._at(name))
            except FileNotFoundError:
                return None
        return found

    def write(self, name: str, content: bytes) -> None:
        """Write a small file, in the place of what may be there."""
        with self._using():
            self._beneath(name, lambda: self._files.pipe_file(self._at(name), content))

    def create(self, name: str, content: bytes) -> bool:
        """Write a small file where there is none; False where there is one. Some drivers cannot tell for certain."""
        try:
            with self._using():
                self._beneath(name, lambda: self._create(self._at(name), content))
        except SemphaseError:
            # That it is there, drivers tell in different ways.
            if self.read(name) is None:
                raise
            return False
        return True

    def remove(self, name: str) -> None:
        """Remove a file, if it is there."""
        with self._using(), contextlib.suppress(FileNotFoundError):
            self._files.rm_file(self._at(name))

    @cached_property
    def _place(self) -> tuple[Any, str]:
        """The file system and the path in it; lists of what is there are not remembered, since others write."""
        from fsspec.core import url_to_fs

        try:
            files, path = url_to_fs(self.url, use_listings_cache=False)
        except ImportError as problem:
            raise SemphaseError(
                f"the store {self.url} needs a package that is not installed ({problem}); install it, or choose another "
                "with --store."
            ) from problem
        except Exception as problem:  # each driver has errors of its own
            raise SemphaseError(
                f"the store {self.url} is nothing that fsspec can open ({_told(problem)}); choose another with --store, "
                "such as s3://BUCKET/FOLDER."
            ) from problem
        return files, str(path)

    @property
    def _files(self) -> Any:
        return self._place[0]

    def _at(self, name: str) -> str:
        return f"{self._place[1].rstrip('/')}/{name}"

    def _checksums(self, names: Iterable[str]) -> dict[str, bytes]:
        """The checksums that are there, asked for all at once where the driver can."""
        asked = {self._at(_checksum(name)): name for name in names}
        with self._using():
            found = self._files.cat(list(asked), on_error="return") if asked else {}
            for answer in found.values():
                if isinstance(answer, Exception) and not isinstance(answer, FileNotFoundError):
                    raise answer
        return {asked[place]: answer for place, answer in found.items() if isinstance(answer, bytes)}

    def _create(self, place: str, content: bytes) -> None:
        from fsspec import AbstractFileSystem

        if getattr(type(self._files), "pipe_file", None) is AbstractFileSystem.pipe_file and not self._files.async_impl:
            with self._files.open(place, "xb") as file:
                file.write(content)
        else:
            self._files.pipe_file(place, content, mode="create")

    def _beneath(self, name: str, write: Any) -> None:
        """Write something, into a folder that is made where there must be one; buckets are not made."""
        try:
            write()
        except FileNotFoundError:
            if self._files.async_impl:
                raise
            self._files.makedirs(self._at(name).rpartition("/")[0], exist_ok=True)
            write()

    @contextmanager
    def _using(self) -> Iterator[None]:
        try:
            yield
        except SemphaseError:
            raise
        except Exception as problem:  # each driver has errors of its own
            raise SemphaseError(
                f"the store {self.url} cannot be used ({_told(problem)}); look after that, or choose another with --store."
            ) from problem


def _checksum(name: str) -> str:
    return f"{name.removesuffix('.nc')}{CHECKSUM}"


def _told(problem: Exception) -> str:
    told = " ".join(str(problem).split())
    return f"{type(problem).__name__}: {told[:300]}".rstrip(": .")
