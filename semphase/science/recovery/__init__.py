"""Can generated text buy back what a lighter model loses? (001 exp10, phase 3); torch is imported on first use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from semphase.contents import lazily

if not TYPE_CHECKING:  # a type checker sees the modules themselves
    __getattr__ = lazily(__name__)
