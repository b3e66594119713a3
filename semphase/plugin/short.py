"""The short names of the options, for projects whose root conftest says `pytest_plugins = ["semphase.plugin.short"]`."""

from __future__ import annotations

import pytest

from semphase.plugin.options import add_short_names


def pytest_addoption(parser: pytest.Parser) -> None:
    """Called by pytest."""
    add_short_names(parser)
