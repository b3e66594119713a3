"""Do published tables agree with themselves? Their figures as printed, and checks of one against another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from semphase.contents import lazily

if not TYPE_CHECKING:  # a type checker sees the modules themselves
    __getattr__ = lazily(__name__)
