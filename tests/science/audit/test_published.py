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
from semphase.science.audit.published import figure, load, read, stated

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


SETTING = (
    '[[setting]]\npart = "exp3"\nsection = "2"\nsaid = "four words"\nmodels = ["gpt2", "gpt2-medium"]\nwords = 4\n'
    '[[setting]]\npart = "exp6"\nsection = "3"\nmodels = ["gpt2"]\n[[setting]]\npart = "exp2"\nsection = "4"\n'
)


@pytest.fixture
def settings(tmp_path, monkeypatch):
    document = read(written(tmp_path, HEAD + SETTING + TABLE))
    monkeypatch.setattr("semphase.science.audit.published.load", {"009": document}.__getitem__)


@pytest.mark.usefixtures("settings")
@pytest.mark.parametrize(
    ("part", "model", "told"),
    [
        ("exp3", "gpt2-medium", {"model": "gpt2-medium", "words": 4}),
        ("exp3", "gpt2+gpt2-medium", {"model": "gpt2+gpt2-medium", "words": 4}),
        ("exp6", "", {"model": "gpt2"}),
        ("exp6", "gpt2", {"model": "gpt2"}),
        ("exp2", "", {}),
    ],
)
def test_a_setting_holds_what_its_part_says_of_the_model(part, model, told):
    assert stated("009", part, model) == told


@pytest.mark.usefixtures("settings")
@pytest.mark.parametrize(
    ("part", "model", "sentence"),
    [
        ("exp4", "", "no setting of 'exp4'; there are exp3, exp6, exp2"),
        ("exp3", "", "exp3 names the models gpt2, gpt2-medium, not ''"),
        ("exp3", "gpt2+tiny", "not 'gpt2\\+tiny'"),
        ("exp2", "gpt2", "exp2 names the models none, not 'gpt2'"),
    ],
)
def test_what_a_document_does_not_say_is_no_setting(part, model, sentence):
    with pytest.raises(SemphaseError, match=sentence):
        stated("009", part, model)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (("part =", "name ="), "the setting '\\?' needs part and section"),
        (("words =", "layers ="), "the setting 'exp3' needs part and section, and may have"),
        (("= 4", '= "4"'), "the setting 'exp3' counts in whole numbers above 0"),
        (("= 4", "= 0"), "the setting 'exp3' counts in whole numbers above 0"),
        (("exp6", "exp3"), "has the setting 'exp3' twice"),
    ],
)
def test_broken_settings_are_refused_in_one_sentence(tmp_path, change, sentence):
    with pytest.raises(SemphaseError, match=sentence):
        read(written(tmp_path, HEAD + SETTING.replace(*change, 1) + TABLE))


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
