"""Published figures: read with their rounding, refused with one sentence."""

from __future__ import annotations

import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from semphase.errors import SemphaseError
from semphase.science.audit.published import figure, load, read

HEAD = 'document = "009"\ntitle = "a test"\n'
TABLE = (
    '[[table]]\nname = "t"\nsection = "1"\ncolumns = ["k", "ppl", "word"]\ntext = ["word"]\n'
    'rows = [[1, "2.50", "one"], [2, "3e2", "two"]]\n'
)


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "009.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_cells_carry_their_rounding(tmp_path):
    document = read(written(tmp_path, HEAD + TABLE))
    table = document["t"]
    assert table.ints("k") == [1, 2]
    assert (table["k"].high - table["k"].low).tolist() == [0, 0]
    np.testing.assert_allclose([table["ppl"].low, table["ppl"].high], [[2.495, 250], [2.505, 350]])
    assert table.names("word") == ("one", "two")
    assert float(table.row("two", "ppl").value) == 300
    assert document.where("t") == "009, 1"


def test_a_moved_column_turns_round_and_the_rest_stays(tmp_path):
    document = read(written(tmp_path, HEAD + TABLE))
    moved = document.moved("t", "ppl")["t"]
    assert moved["ppl"].value.tolist() == [300, 2.5]
    assert moved["k"].value.tolist() == [1, 2]
    assert document["t"]["ppl"].value.tolist() == [2.5, 300]


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**6), max_value=10**6, places=3))
def test_half_a_unit_of_the_last_digit(number):
    value, half = figure(str(number))
    assert (value, half) == (float(number), 0.0005)
    assert figure(f"{number}e2")[1] == pytest.approx(0.05)
    assert Decimal(str(value)).compare(number) == 0


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("document = ", "009.toml cannot be read"),
        (TABLE, "need document, title"),
        (HEAD + TABLE.replace("section = ", "place = "), "the table 't' lacks 'section'"),
        (HEAD + TABLE.replace('"2.50", ', ""), "needs rows of 3 cells"),
        (HEAD + TABLE.replace('"2.50"', '"~2.5"'), "column 'ppl' holds '~2.5', which is no figure"),
        (HEAD + TABLE.replace('"2.50"', "2.5"), "holds 2.5, which is no figure"),
        (HEAD + TABLE.replace('"2.50"', "true"), "holds True, which is no figure"),
        (HEAD + TABLE.replace('text = ["word"]', 'text = ["name"]'), "names text that is no column"),
        (HEAD + TABLE + TABLE, "has the table 't' twice"),
    ],
)
def test_broken_files_are_refused_in_one_sentence(tmp_path, text, sentence):
    with pytest.raises(SemphaseError, match=sentence) as caught:
        read(written(tmp_path, text))
    assert "\n" not in str(caught.value).split("(at line")[0].rstrip()


def test_what_is_not_there_is_named(tmp_path):
    document = read(written(tmp_path, HEAD + TABLE))
    for look, sentence in (
        (lambda: load("999"), "figures '999' are missing"),
        (lambda: document["u"], "no published table 'u'"),
        (lambda: document["t"]["u"], "no figures 'u'"),
        (lambda: document["t"].names("k"), "no text 'k'"),
        (lambda: document["t"].row("three", "ppl"), "one row 'three', it has 0"),
    ):
        with pytest.raises(SemphaseError, match=sentence):
            look()


@pytest.mark.parametrize("number", ["000", "001", "002", "003", "004"])
def test_packaged_documents_have_their_number(number):
    assert load(number).number == number


def test_reading_needs_no_torch():
    code = "import sys, semphase.science.audit.cvfp_tables, semphase.science.audit.declare; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
