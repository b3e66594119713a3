"""The table on the terminal."""

from __future__ import annotations

import re

import pytest
from rich.cells import cell_len

from semphase.report.console import render
from semphase.report.schema import Document


@pytest.mark.parametrize("coloured", [True, False])
@pytest.mark.parametrize("width", [60, 80, 120, 210])
def test_the_table_fits_and_says_everything(document: Document, width: int, coloured: bool) -> None:
    text = render(document, width, coloured)
    assert ("\x1b[" in text) == coloured
    bare = re.sub(r"\x1b\[[0-9;]*m", "", text)
    assert all(cell_len(line.rstrip()) <= width for line in bare.splitlines())
    for entry in document["claims"]:
        assert entry["id"] in bare
    if width >= 80:
        assert all((entry["verdict"] or "ERROR") in bare for entry in document["claims"])
        assert "not specific" in bare
        assert "120 prompts" in bare
        assert "model only" in bare
        assert "0.77 [0.6, 0.94] r" in " ".join(bare.split())
        assert "supported, firm" in bare
        assert "0.9712 [0.9633, 0.9801] r" in bare
        assert "3 failed or broke" in " ".join(bare.split())


def test_columns_of_the_wide_table(document: Document) -> None:
    head, *rows = render(document, 210, False).splitlines()
    assert head.split() == [
        "claim",
        "model",
        "estimate",
        "speaks",
        "of",
        "criterion",
        "verdict",
        "published",
        "relation",
        "contrast",
        "registered",
    ]
    row = next(row for row in rows if "permeation.word-correlation" in row and "gpt2" in row)
    assert re.split(r"\s{2,}", row.strip()) == [
        "permeation.word-correlation", "gpt2", "0.9712 [0.9633, 0.9801] r", "120 prompts", "> 0.96",
        "supported, firm", "supported", "model only", "0.77 [0.6, 0.94] r", "–",
    ]  # fmt: skip


def test_verdicts_have_their_colours(document: Document) -> None:
    text = render(document, 210, True)
    for word, colour in (("supported", 32), ("refuted", 31), ("inconclusive", 33)):
        assert f"\x1b[{colour}m{word}" in text
