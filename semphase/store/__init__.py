"""Measurements on disk, keyed by what produced them."""

from semphase.store.remote import reached
from semphase.store.sealed import SealedStore
from semphase.store.store import Key, Store

__all__ = ["Key", "SealedStore", "Store", "reached"]
