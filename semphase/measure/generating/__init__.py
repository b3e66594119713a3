"""The parts of `semphase.measure.generation`: what is kept of the past, and how the next token is made."""

from __future__ import annotations

from typing import TYPE_CHECKING

from semphase.contents import lazily

if not TYPE_CHECKING:  # a type checker sees the modules themselves
    __getattr__ = lazily(__name__)
