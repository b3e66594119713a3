"""The table on the terminal."""

from __future__ import annotations

import re

import pytest
from rich.cells import cell_len

from semphase.report.console import render
from semphase.report.schema import Document


@pytest.mark.parametrize("coloured", [True, False])
@pytest.mark.parametrize("width", [30, 40, 60, 80, 120, 160, 240])
def test_the_table_fits_and_says_everything(document: Document, width: int, coloured: bool) -> None:
    text = render(document, width, coloured)
    assert ("\x1b[" in text) == coloured
    bare = re.sub(r"\x1b\[[0-9;]*m", "", text)
    assert all(cell_len(line.rstrip()) <= width for line in bare.splitlines())
    for entry in document["claims"]:
        assert width < 60 or entry["id"] in bare
    if width >= 80:
        assert all((entry["verdict"] or "ERROR") in bare for entry in document["claims"])
        assert "not specific" in bare
        assert "0.9712 [0.9633, 0.9801] r" in bare
        assert "26 words" in " ".join(bare.split())
        assert "0.7712" in bare
        assert "would take" in " ".join(bare.split())
        assert "3 failed or broke" in " ".join(bare.split())


def test_columns_of_the_wide_table(document: Document) -> None:
    head, *rows = render(document, 240, False).splitlines()
    assert head.split() == [
        "claim", "model", "estimate", "population", "criterion", "verdict", "strength", "published", "relation",
        "contrast", "registered",
    ]  # fmt: skip
    row = next(row for row in rows if "permeation.word-correlation" in row and "gpt2" in row)
    assert re.split(r"\s{2,}", row.strip()) == [
        "permeation.word-correlation", "gpt2", "0.9712 [0.9633, 0.9801] r", "26 words, 1,326 prompts", "> 0.96",
        "supported", "firm", "supported", "model only", "0.7712 [0.5, 1.042] r", "–",
    ]  # fmt: skip


def test_verdicts_have_their_colours(document: Document) -> None:
    text = render(document, 160, True)
    for word, colour in (("supported", 32), ("refuted", 31), ("inconclusive", 33)):
        assert f"\x1b[{colour}m{word}" in text
