"""The same store in two processes: a folder that both see, or a URL, for which each machine has a folder of its own."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from semphase.mirrors import mirror
from semphase.store import Store, opened

Place = tuple[Path, str]


def store_at(root: Path, url: str) -> Store:
    """The store that another process calls so (`Store.place`)."""
    return opened(mirror(url) if url else root, url)


@contextmanager
def marked(store: Store) -> Iterator[str]:
    """The name of a file that lies in the store while the block lasts; SemphaseError where it cannot be put there."""
    name = f".seen-{uuid.uuid4().hex[:12]}"
    if store.remote is not None:
        store.remote.write(name, b"seen")
    else:
        (store.root / name).touch()
    try:
        yield name
    finally:
        if store.remote is not None:
            store.remote.remove(name)
        else:
            (store.root / name).unlink(missing_ok=True)


def sees(place: Place, name: str) -> bool:
    """Is there a file of this name? SemphaseError where the store cannot be used from here."""
    store = store_at(*place)
    return store.remote.read(name) is not None if store.remote is not None else (store.root / name).exists()
