"""The documentation's site: `nox -s docs` builds it from these pages, the README and the docstrings."""

from __future__ import annotations

from importlib.metadata import version as version_of

project = "semphase"
author = "the authors of semphase"
version = release = version_of(project)

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.viewcode"]
source_suffix = {".md": "markdown"}
root_doc = "index"
exclude_patterns = ["_build"]

html_theme = "furo"
html_title = "semphase"
html_show_copyright = False
html_theme_options = {"navigation_with_keys": True}

myst_enable_extensions = ["colon_fence", "dollarmath", "fieldlist"]
myst_heading_anchors = 3
# Pages that are read on GitHub too link to files of the repository, which the site has no page of; and "…" is no TOML.
suppress_warnings = ["myst.xref_missing", "misc.highlighting_failure"]

# Docstrings name code between single backticks.
default_role = "code"
autodoc_member_order = "bysource"
autodoc_default_options = {"members": True}
# Shapes of jaxtyping read as they are written.
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
python_maximum_signature_line_length = 100
autodoc_preserve_defaults = True
