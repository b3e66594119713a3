"""Forward passes: a model and tokens in, labelled arrays out.

Sites, edits and items are plain data and need no torch; import each from its own module.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from semphase.contents import lazily

if not TYPE_CHECKING:  # a type checker sees the modules themselves
    __getattr__ = lazily(__name__)
