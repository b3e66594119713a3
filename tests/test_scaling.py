"""The laws of scaling find what was planted, and the page says what was measured."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).parents[1]
BENCHMARKS = ROOT / "benchmarks"
sys.path.append(str(BENCHMARKS))

from scaling import as_point, machine, read  # noqa: E402
from scaling_laws import FLOAT32, KEPT, Law, Point, Shape, fit, measured_sweep  # noqa: E402
from scaling_pages import FORETOLD, H100, foretold, told, with_tables  # noqa: E402

SMALL = Shape("small", 12, 4, 64, 64, 49_152, 337)
MIDDLE = Shape("middle", 30, 9, 576, 576, 3_538_944, 49_152)
LARGE = Shape("large", 24, 20, 1280, 1280, 20_000_000, 32_000)
PLANTED = Law((1e-11, 4e-11, 2e-9), 2e-11, 20.0, 3e8)
WITHIN = 0.25
"""How far a held-out model may lie from what is foretold."""


def planted(shape, tokens, length=1024):
    work = shape.block_work(tokens, length)
    return Point(
        shape,
        tokens,
        length,
        float(sum(cost * own for cost, own in zip(PLANTED.block, work, strict=True))),
        PLANTED.readout * shape.readout_work(tokens),
        int(PLANTED.memory(shape, tokens, tokens)),
    )


SIZES = ((SMALL, 2048), (MIDDLE, 1024), (MIDDLE, 2048, 256), (MIDDLE, 2048), (LARGE, 2048))
POINTS = [planted(*size) for size in SIZES]


def test_a_planted_law_is_found():
    found = fit(POINTS)
    assert found.block == pytest.approx(PLANTED.block, rel=1e-6)
    assert found.readout == pytest.approx(PLANTED.readout)
    assert found.streams == pytest.approx(PLANTED.streams, rel=1e-6)
    assert found.constant == pytest.approx(PLANTED.constant, rel=1e-6)


def test_a_law_foretells_what_it_was_not_fitted_on():
    found, held_out = fit(POINTS[:-1]), POINTS[-1]
    assert found.sweep(LARGE, 2048, 1024) == pytest.approx(measured_sweep(held_out), rel=1e-6)
    assert found.memory(LARGE, 2048, 2048) == pytest.approx(held_out.peak, rel=1e-6)


def test_a_sweep_counts_the_blocks_behind_each_head():
    """Two layers of three heads: heads of the first cost two blocks, those of the second one; each layer is seen once."""
    shape = replace(SMALL, layers=2, heads=3)
    point = Point(shape, 100, 100, block=10.0, readout=1.0, peak=0)
    assert measured_sweep(point) == 2 * 10 + 3 * (2 + 1) * 10 + 6 * 1


def test_streams_beyond_the_bound_lie_in_a_file():
    few, many = (PLANTED.memory(MIDDLE, tokens, 1024) for tokens in (2048, 10**9))
    assert many - few == pytest.approx(KEPT - 2048 * MIDDLE.layers * MIDDLE.d_model * FLOAT32)


def test_time_grows_as_the_page_says():
    deeper = replace(LARGE, layers=2 * LARGE.layers)
    more_heads = replace(LARGE, heads=2 * LARGE.heads)
    base = H100.sweep(LARGE, 10_000, 1024)
    assert 3.5 < H100.sweep(deeper, 10_000, 1024) / base < 4
    assert 1.9 < H100.sweep(more_heads, 10_000, 1024) / base < 2
    assert H100.sweep(LARGE, 20_000, 1024) == pytest.approx(2 * base)


def test_a_model_that_fits_no_card_is_not_given_a_time_on_one():
    rows = [row.split(" | ") for row in foretold(H100)[2:]]
    assert [row[0].removeprefix("| ") for row in rows] == [shape.name for shape in FORETOLD]
    assert ["does not fit" in row for row in rows] == [False, False, True]


@pytest.mark.parametrize(
    ("seconds", "shown"), [(1, "1 s"), (119, "119 s"), (7200, "2 h"), (7000, "117 min"), (2e6, "23.1 d")]
)
def test_durations_have_the_unit_that_suits_them(seconds, shown):
    assert told(seconds) == shown


def test_the_page_is_that_of_what_was_measured():
    run = read(ROOT / "docs" / "scaling.json")
    page = (ROOT / "docs" / "scaling.md").read_text(encoding="utf-8")
    assert with_tables(page, run.machine, run.fitted, run.held_out, fit(run.fitted)) == page


def test_the_heading_names_the_machine(monkeypatch):
    run = read(ROOT / "docs" / "scaling.json")
    page = (ROOT / "docs" / "scaling.md").read_text(encoding="utf-8")
    other = with_tables(page, "NVIDIA H100", run.fitted, run.held_out, fit(run.fitted))
    assert other.count("## Measured on NVIDIA H100, float32\n") == 1
    assert run.machine not in other
    assert machine("cpu") == f"{os.cpu_count()} CPU cores"
    monkeypatch.setattr("scaling.resolve", torch.device)
    monkeypatch.setattr("scaling.use", lambda _device: None)
    monkeypatch.setattr("scaling.hardware", lambda: {"gpu": "NVIDIA H100"})
    assert machine("cuda") == "NVIDIA H100"


def test_the_model_held_out_is_foretold():
    run = read(ROOT / "docs" / "scaling.json")
    law, own = fit(run.fitted), run.held_out
    assert own.shape.name not in {each.shape.name for each in run.fitted}
    assert law.sweep(own.shape, own.tokens, own.length) == pytest.approx(measured_sweep(own), rel=WITHIN)
    assert law.memory(own.shape, own.tokens, own.tokens) == pytest.approx(own.peak, rel=WITHIN)


def test_a_model_is_measured():
    command = [sys.executable, str(BENCHMARKS / "scaling_point.py"), "tiny", "cpu", "256", "128"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found = as_point(json.loads(done.stdout))
    assert (found.shape.layers, found.shape.heads, found.shape.d_model) == (12, 4, 64)
    # GPT-2's block: queries, keys, values and output, and twice four times the width.
    assert found.shape.block_weights == 12 * 64**2
    assert found.readout > 0
    assert found.peak > found.shape.parameters * FLOAT32
