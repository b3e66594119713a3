"""Ambiguous words: how their sense permeates the layers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from semphase.contents import lazily

if not TYPE_CHECKING:  # a type checker sees the modules themselves
    __getattr__ = lazily(__name__)
