"""Measurements on disk, keyed by what produced them."""

from semphase.store.sealed import SealedStore
from semphase.store.store import Key, Store, opened

__all__ = ["Key", "SealedStore", "Store", "opened"]
