"""Sites, edits and items are plain data: comparable, hashable, printable, checked, and without torch."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from semphase.errors import SemphaseError
from semphase.measure import changes, sites
from semphase.measure.edit_base import told
from semphase.measure.edits import added, patched, replaced, set_to, without, zeroed
from semphase.measure.items import Items
from semphase.measure.positions import ALL, in_prompt, positions_of
from semphase.measure.sites import embedding, head, heads, key, mlp, pattern, stream
from semphase.measure.wiring import FORM_NAMES, form, hidden_keys, keys, skipped


class Run:
    identity, label = "base run", "corrupt"

    def read(self, site):
        raise AssertionError


def shifted(x, by):
    return x + by


MASK = np.array([[True, False], [False, True]])
PRINTED = {
    "stream(3)": stream(3),
    "stream(0…2, positions='at')": stream(range(3), positions="at"),
    "embedding(positions=-1)": embedding(positions=-1),
    "head(1, ALL)": head(1),
    "heads((1, 2), (0, 3))": heads([(1, 2), (0, 3)]),
    "pattern(ALL, [0, 2], positions=[1:-1])": pattern(ALL, [0, 2], positions=slice(1, -1)),
    "zeroed(mlp(2))": zeroed(mlp(2)),
    "patched(stream(1, positions=one each (0, 4)), corrupt)": patched(stream(1, positions=[0, 4]), Run()),
    "added(mlp(2), array[4], 3.0)": added(mlp(2), np.ones(4), 3),
    "set_to(stream(1), (1, 2), 0.5)": set_to(stream(1), [1, 2], 0.5),
    "form(head(1, 2), relu)": form(head(1, 2), "relu"),
    "skipped([1, 3])": skipped([1, 3]),
    "hidden_keys(8…15, ALL, query='at', key=3)": hidden_keys(range(8, 16), ALL, query="at", key=3),
    "keys(1020, 4)": keys(1020, 4),
    "replaced(stream(12), shifted, by)": replaced(stream(12), shifted, by=np.ones(3)),
    "replaced(mlp(2), shifted, by=7)": replaced(mlp(2), shifted, by=7),
}


@pytest.mark.parametrize("printed", PRINTED)
def test_nouns_read_as_they_are_written(printed):
    assert str(PRINTED[printed]) == printed


def test_different_nouns_have_different_identities():
    assert len({noun.identity for noun in PRINTED.values()}) == len(PRINTED)
    assert len(set(PRINTED.values())) == len(PRINTED)
    assert told([zeroed(mlp(2)), skipped(1)]) == "zeroed(mlp(2)), skipped(1)"
    assert told([]) == "unchanged"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (stream([1]), stream(1)),
        (stream(np.int64(1), positions=np.array(-1)), stream(1, positions=-1)),
        (stream(range(3)), stream([0, 1, 2])),
        (head(1, ALL), head(1)),
        (stream(1, positions=[3, 4]), stream(1, positions=torch.tensor([3, 4]))),
        (stream(1, positions=MASK), stream(1, positions=xr.DataArray(MASK, dims=("item", "position")))),
        (added(mlp(1), np.ones(3)), added(mlp(1), torch.ones(3, dtype=torch.bfloat16))),
        (added(mlp(1), [1, 2]), added(mlp(1), xr.DataArray([1.0, 2.0]))),
        (replaced(mlp(1), shifted, by=np.ones(2)), replaced(mlp(1), shifted, by=np.ones(2))),
    ],
)
def test_the_same_written_in_two_ways_is_equal(one, other):
    assert one == other
    assert hash(one) == hash(other)
    assert one.identity == other.identity


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (stream(1, positions=MASK), stream(1, positions=~MASK)),
        (stream(1, positions=1), stream(1, positions=[1])),
        (added(mlp(1), np.ones(3)), added(mlp(1), np.ones(3), 2.0)),
        (added(mlp(1), np.ones(3)), without(mlp(1), np.ones(3))),
        (key(1, 1), head(1, 1)),
        (replaced(mlp(1), shifted, by=np.ones(2)), replaced(mlp(1), shifted, by=np.zeros(2))),
    ],
)
def test_different_values_differ(one, other):
    assert one != other
    assert one.identity != other.identity


def test_an_array_is_copied():
    direction = np.ones(3)
    edit = added(mlp(1), direction)
    direction[0] = 5
    assert edit == added(mlp(1), np.ones(3))
    with pytest.raises(ValueError, match="read-only"):
        edit.direction.values[0] = 5


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: stream(-1), r"^-1 is no layer: give integers from 0, a sequence of them, or ALL\.$"),
        (lambda: stream(1.5), "1.5 is no layer"),
        (lambda: head(True, 0), "True is no layer"),
        (lambda: head(0, [1, 1]), "names a head twice"),
        (lambda: heads([]), "no head is named"),
        (lambda: stream(1, positions="end"), r"positions='end' is not understood; give ALL, \"at\""),
        (lambda: stream(1, positions=[1.5]), "is not understood"),
        (lambda: stream(1, positions=slice(None, None, -1)), "goes backwards"),
        (lambda: zeroed("mlp"), "'mlp' is no site; name one such as stream"),
        (lambda: patched(mlp(1), np.ones(3)), "is no run; give what study.prompts"),
        (lambda: without(mlp(1), np.zeros(3)), "a direction of length 0 cannot be projected out"),
        (lambda: added(pattern(1), np.ones(3)), r"pattern\(1, ALL\) has no directions"),
        (lambda: added(mlp(1), [1.0, np.nan]), "a direction consists of finite numbers"),
        (lambda: set_to(mlp(1), [1, 2], [1.0, 2.0, 3.0]), "2 coordinates cannot be set to"),
        (lambda: form(mlp(1), "relu"), "a form of attention belongs to heads at all positions"),
        (lambda: form(head(1, positions=3), "relu"), "a form of attention belongs to heads at all positions"),
        (lambda: form(head(1), "cubic"), "there is no form of attention 'cubic'; choose softmax, identity"),
        (lambda: keys(0), r"keys\(0, 0\) hides every key"),
        (lambda: Items(((1, 2),), (2,)), "prompt 0 is to be read at position 2 and has 2 tokens"),
        (lambda: Items((), ()), "0 prompts come with 0 positions"),
    ],
)
def test_what_makes_no_sense_is_one_sentence(make, sentence):
    with pytest.raises(SemphaseError, match=sentence):
        make()


def test_the_forms_are_those_of_the_table():
    assert tuple(changes.FORMS) == FORM_NAMES


@given(st.integers(1, 9), st.data())
def test_slices_and_numbers_mean_what_they_mean_for_a_list(length, data):
    ends = st.one_of(st.none(), st.integers(-10, 10))
    span = slice(data.draw(ends), data.draw(ends), data.draw(st.sampled_from([None, 1, 2, 3])))
    found = in_prompt(positions_of(span), 0, length, 0, "site")
    assert np.flatnonzero(found).tolist() == list(range(length))[span]
    number = data.draw(st.integers(-length, length - 1))
    assert np.flatnonzero(in_prompt(positions_of(number), 0, length, 0, "site")).tolist() == [range(length)[number]]


def test_a_mask_belongs_to_its_prompts():
    mask = positions_of(MASK)
    assert in_prompt(mask, 1, 2, 0, "site").tolist() == [False, True]
    assert in_prompt(mask, 0, 3, 0, "site").tolist() == [True, False, False]
    with pytest.raises(SemphaseError, match="site means position 1 and prompt 1 has 1 tokens"):
        in_prompt(mask, 1, 1, 0, "site")


def test_nouns_need_no_torch():
    code = (
        "import sys; from semphase.measure import sites, edits, items, scores; sites.head(1, 2); "
        "print([name for name in ('torch', 'xarray', 'scipy', 'transformers') if name in sys.modules])"
    )
    # The package itself is imported first and may bring more; what is asked is what these modules add.
    code = "import semphase, sys; before = set(sys.modules); " + code.replace(
        "in sys.modules]", "in set(sys.modules) - before]"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_sites_are_where_sites_are_chosen():
    shape = sites.Shape("model", 3, 4, 2, 32, 8, 64)
    assert head(ALL, 1).chosen(shape) == {0: (1,), 1: (1,), 2: (1,)}
    assert list(stream(ALL).chosen(shape)) == [0, 1, 2, 3]
    assert key(1).chosen(shape) == {1: (0, 1)}
    assert heads([(2, 1), (0, 3), (2, 0)]).chosen(shape) == {2: (1, 0), 0: (3,)}
    with pytest.raises(SemphaseError, match="have no single output projection that neurons enter"):
        sites.check(sites.neurons(1), sites.Shape("mixture", 3, 4, 2, 32, 8, None))
