"""docs/families.md, from the sweep: what becomes of every family. `python -m families.table` writes it anew."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import transformers
from families.small import FAMILIES, SENSES
from families.sweep import Outcome, outcome

PAGE = Path(__file__).parents[2] / "docs" / "families.md"
HEAD = """\
# Families of models

What becomes of every family of decoders that transformers {version} registers: a small random model of each is built from
its configuration and compared with its own code under eager attention. `nox -s families` writes this page anew.

- **equal**: the residual stream at every layer, the losses, and the losses without a head of each layer are the same to
  rounding. Where heads of some layers cannot be reached, the column says so, and claims about heads do not apply there.
- **refused**: loading it, or running its blocks one by one, ends in the sentence that is given.
- **not built**: no small model comes of its configuration alone, so it was not tried. It may work.

Random weights tell nothing of published ones; loading refuses weights that do not fit the configuration.

"""
COLUMNS = "| family | class | streams and losses | heads | why not |\n|---|---|---|---|---|\n"


def page(causal: Iterable[Outcome], seeing: Iterable[Outcome]) -> str:
    """The page, of causal language models and of models that see as well."""
    tables = {
        "Causal language models": causal,
        "Models of images and text, of which the text part is measured": seeing,
    }
    parts = (f"## {title}\n\n{COLUMNS}" + "".join(row(own) + "\n" for own in found) for title, found in tables.items())
    return HEAD.format(version=transformers.__version__) + "\n".join(parts)


def row(found: Outcome) -> str:
    """What became of one family."""
    heads = ""
    if found.kind == "equal":
        closed = len(found.closed)
        heads = "all" if not closed else "none" if closed == found.layers else f"of {found.layers - closed} layers"
    cells = f"`{found.family}`", f"`{found.name}`", found.kind, heads, _plain(found.reason)
    return f"| {' | '.join(cells)} |"


def _plain(reason: str) -> str:
    """The reason without the ways out, which are the same for all."""
    return reason.partition(";")[0].replace("|", "/").replace("<", "&lt;")


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(map(outcome, sorted(FAMILIES)), map(outcome, sorted(SENSES))), encoding="utf-8")


if __name__ == "__main__":
    main()
