"""The committed calibration is that of this code, and holds; a short one is made anew."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
from cells import Cell, cells, failures  # noqa: E402
from record import page  # noqa: E402
from sources import fingerprint  # noqa: E402
from worlds import WORLDS  # noqa: E402

DOCS = HERE.parents[1] / "docs"


@pytest.fixture(scope="module")
def kept() -> dict:
    return json.loads((DOCS / "calibration.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def table(kept: dict) -> list[Cell]:
    return [Cell(**own) for own in kept["cells"]]


def test_the_committed_calibration_is_of_this_code(kept: dict) -> None:
    assert kept["code"] == fingerprint(), (
        "what makes intervals has changed: run nox -s calibrate and read docs/calibration.md"
    )


def test_it_has_every_cell_and_enough_worlds(kept: dict, table: list[Cell]) -> None:
    wanted = {(world.what, noise, units) for world in WORLDS for noise in world.noises for units in world.units}
    assert {(cell.what, cell.noise, cell.units) for cell in table} == wanted
    assert kept["worlds"] >= 2000
    assert all(cell.worlds == kept["worlds"] for cell in table)


def test_no_cell_fails(table: list[Cell]) -> None:
    assert failures(table) == []


def test_the_page_is_that_of_the_counts(table: list[Cell]) -> None:
    assert (DOCS / "calibration.md").read_text(encoding="utf-8") == page(table)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda cell: {"covered": int(0.9 * cell.made)}, "hold the truth"),
        (lambda cell: {"covered": cell.made}, "more than promised"),
        (lambda cell: {"above": int(0.08 * cell.made)}, "above the truth"),
        (lambda cell: {"below": int(0.08 * cell.made)}, "below the truth"),
    ],
)
def test_a_wrong_cell_would_be_told(table: list[Cell], change, told: str) -> None:
    at = next(i for i, cell in enumerate(table) if (cell.what, cell.noise, cell.units) == ("mean", "normal", 26))
    broken = [*table[:at], replace(table[at], **change(table[at])), *table[at + 1 :]]
    assert [told in sentence for sentence in failures(broken)] == [True]


@pytest.mark.slow
def test_a_short_calibration_holds() -> None:
    table = list(cells(200, units=(4, 9, 26)))
    assert failures(table) == []
    # Percentiles of a bootstrap, which cover 80 % of four units, would not pass.
    assert failures([replace(table[0], covered=160)]) != []
