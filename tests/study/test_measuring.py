"""Measurements of one's own: made once, keyed by all that matters and nothing else, refused in one sentence."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
import xarray as xr

from semphase.data.prompts import Prompts
from semphase.errors import SemphaseError
from semphase.measure.measurement import Measurement, measurement
from semphase.store import netcdf
from semphase.study.measuring import measurement_key
from semphase.study.substitutes import Substitutes


@measurement(version=1)
def embedded(model, tokens, *, scale=1.0):
    """Norms of the embeddings of some tokens."""
    return scale * model.anatomy.embed(torch.as_tensor(tokens)).norm(dim=-1)


@measurement(version=2)
def counted(model, data, *, advance):
    for _ in data:
        advance(1)
    return np.arange(len(data))


@measurement(version=1)
def returning(model, data, *, kind):
    return {
        "number": 2.5,
        "dict": {"a": np.arange(3), "b": np.ones((2, 2), bool)},
        "labelled": xr.DataArray([1.0, 2.0], {"word": ["x", "y"]}, ["word"], "norm", {"unit": "nats"}),
        "dataset": xr.Dataset({"p": ("i", [1, 2])}, attrs={"unit": "nats"}),
        "texts": np.array(["one", "three"]),
        "none": None,
        "list": [1, 2],
        "complex": np.array([1j]),
        "objects": np.array([{}, 1], dtype=object),
        "levels": xr.DataArray(np.ones((2, 2)), {"a": [0, 1], "b": [0, 1]}, ["a", "b"]).stack(ab=["a", "b"]),
        "attribute": xr.DataArray([1.0], attrs={"much": {"a": 1}}),
    }[kind]


@pytest.fixture
def study(study_of, random_gpt2):
    return study_of(random_gpt2)


@pytest.fixture
def calls(random_gpt2):
    """One entry for each time that the model embeds tokens."""
    found = []
    handle = random_gpt2.anatomy.embed.register_forward_hook(lambda *_: found.append(1))
    yield found
    handle.remove()


def key(study, function, data=None, **parameters):
    return str(study.store.path(measurement_key(study, function, data, parameters)))


def test_a_second_study_measures_nothing_and_gets_the_same(study, random_gpt2, calls):
    tokens = np.array([3, 1, 4])
    first = study.measured(embedded, tokens, scale=2.0)
    again = replace(study).measured(embedded, tokens, scale=2.0)
    assert len(calls) == 1
    expected = 2 * np.linalg.norm(random_gpt2.anatomy.embed.weight.detach().numpy()[tokens], axis=-1)
    np.testing.assert_allclose(first, expected, rtol=1e-6)
    assert isinstance(first, np.ndarray)
    np.testing.assert_array_equal(again, first)


def test_called_directly_it_is_the_function(random_gpt2):
    np.testing.assert_array_equal(embedded(random_gpt2, [1]), embedded.function(random_gpt2, [1]))


def test_an_untrained_copy_is_not_built_for_what_is_known(study, monkeypatch):
    found = study.untrained[0].measured(embedded, [1, 2])

    def refuse(*_):
        pytest.fail("a copy was built")

    monkeypatch.setattr("semphase.study.subject.reinitialised", refuse)
    fresh = replace(study, subject=replace(study.subject, copies={}))
    np.testing.assert_array_equal(fresh.untrained[0].measured(embedded, [1, 2]), found)


def test_keys_differ_by_what_matters(study, study_of, random_gpt2, tiny, corpus, lexicon):
    two = Prompts.of("two", ["the bank by", "the shore ."], item=[1, 2])
    base = key(study, embedded, [1, 2])
    others = [
        key(study, embedded, [2, 1]),
        key(study, embedded, [[1, 2]]),
        key(study, embedded, np.array([1, 2])),
        key(study, embedded, None),
        key(study, embedded, corpus),
        key(study, embedded, replace(corpus, text="the bank .")),
        key(study, embedded, lexicon),
        key(study, embedded, tiny),
        key(study, embedded, two),
        key(study, embedded, two[:1]),
        key(study, embedded, replace(two, at=(1, 1))),
        key(study, embedded, Prompts.of("two", two.texts, item=[1, 3])),
        key(study, embedded, (two, two)),
        key(study, embedded, study.prompts(two).items),
        key(study, embedded, [1, 2], scale=2.0),
        key(study, Measurement(embedded.function, 2), [1, 2]),
        key(study, counted, [1, 2]),
        key(study.untrained[0], embedded, [1, 2]),
        key(study.untrained[1], embedded, [1, 2]),
        key(study_of(tiny), embedded, [1, 2]),
        key(study_of(replace(random_gpt2, dtype=torch.bfloat16)), embedded, [1, 2]),
        key(study_of(replace(random_gpt2, processing="other")), embedded, [1, 2]),
    ]
    assert len({base, *others}) == 1 + len(others)


def test_keys_do_not_differ_by_what_does_not_matter(study, corpus):
    base = key(study, embedded, [1, 2])
    assert base == key(study, embedded, (1, 2), scale=1.0)
    assert base == key(replace(study, seed=7, corpus=replace(corpus, text="other")), embedded, [1, 2])
    assert key(study, embedded, corpus) == key(study, embedded, replace(corpus, name="renamed"))


def test_arrays_as_parameters_count_by_their_numbers(study):
    one, same, other = np.arange(3.0), torch.arange(3.0, dtype=torch.float64), np.arange(3.0) + 1e-12
    assert key(study, embedded, [1], scale=one) == key(study, embedded, [1], scale=same)
    assert key(study, embedded, [1], scale=one) != key(study, embedded, [1], scale=other)


@measurement(version=1)
def texts_of(model, prompts):
    return np.array(prompts.texts)


def test_prompts_of_the_user_are_what_is_measured(study):
    own, given = Prompts.of("one", ["the bank"]), Prompts.of("one", ["the shore"])
    other = replace(study, substitutes=Substitutes({"one": given}))
    assert study.measured(texts_of, own).tolist() == ["the bank"]
    assert other.measured(texts_of, own).tolist() == ["the shore"]
    assert other.substituted == ("one",)


def test_texts_count_as_the_tokenizer_splits_them(study, study_of, random_gpt2, corpus, lexicon):
    other = replace(random_gpt2, prepend_bos=not random_gpt2.prepend_bos)
    assert key(study, embedded, [1]) == key(study_of(other), embedded, [1])
    for data in (corpus, "the bank", lexicon, [1, "the bank"]):
        assert key(study, embedded, data) != key(study_of(other), embedded, data)


def test_progress_is_the_function_s_own_where_it_tells(study, counted_progress):
    progress, told = counted_progress
    shown = replace(study, progress=progress)
    shown.measured(counted, [5, 6, 7])
    shown.measured(embedded, [1])
    assert told == {"counted of gpt2-0": [3, 3], "embedded of gpt2-0": [1, 1]}


@pytest.mark.parametrize("kind", ["number", "dict", "labelled", "dataset", "texts"])
def test_what_is_returned_comes_back_as_it_was(study, random_gpt2, kind):
    found, own = study.measured(returning, kind=kind), returning(random_gpt2, None, kind=kind)
    if kind == "dict":
        assert list(found) == list(own)
        for part in own:
            np.testing.assert_array_equal(found[part], own[part])
            assert found[part].dtype == own[part].dtype
    elif kind == "labelled":
        xr.testing.assert_identical(found, own)
    elif kind == "dataset":
        xr.testing.assert_equal(found, own)
        assert found.attrs["unit"] == "nats"
    else:
        np.testing.assert_array_equal(found, own)


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("none", "returned nothing; return an array"),
        ("list", "returned an object of the type list; return an array"),
        ("complex", "returned complex128 values"),
        ("objects", "returned object values"),
        ("levels", "returned the coordinate 'ab' with several levels"),
        ("attribute", "returned the attribute 'much' with {'a': 1}"),
    ],
)
def test_what_no_file_can_hold_is_one_sentence(study, kind, told):
    with pytest.raises(SemphaseError, match=f"^the measurement returning.*{told}[^\n]*\\.$"):
        study.measured(returning, kind=kind)
    assert not list(study.store.root.rglob("*.nc"))


def test_what_cannot_be_keyed_is_one_sentence_before_anything_is_measured(study, calls):
    captured = 3

    @measurement(version=1)
    def inside(model, data):
        pytest.fail("measured")

    @measurement(version=1)
    def closing(model, data):
        pytest.fail(str(captured))

    for function, data, parameters, told in (
        (inside, None, {}, r"^the measurement inside stands inside another function, .*\.$"),
        (closing, None, {}, r"^a measurement refuses the function closing, which captures captured .*\.$"),
        (
            embedded.function,
            None,
            {},
            r"^'embedded' is not a measurement; declare it with @measurement\(version=1\)\.$",
        ),
        (
            embedded,
            [1],
            {"scael": 2},
            r"^the measurement embedded\(model, tokens, \*, scale=1\.0\) cannot .*'scael'.*\.$",
        ),
        (embedded, [1], {"scale": object()}, r"^a value of the type object cannot be part of a store key.*\.$"),
        (embedded, [1], {"scale": lambda: captured}, r"^a store key refuses the lambda, which captures captured .*\.$"),
        (embedded, [1], {"scale": [lambda: captured]}, r"^a store key refuses the lambda, which captures captured"),
    ):
        with pytest.raises(SemphaseError, match=told):
            study.measured(function, data, **parameters)
    assert calls == []


def test_an_interrupted_measurement_leaves_nothing_and_is_made_anew(study, monkeypatch, calls):
    def stop(*_args, **_named):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(netcdf, "write", stop)
        with pytest.raises(KeyboardInterrupt):
            study.measured(embedded, [1])
    found = study.measured(embedded, [1])
    assert len(calls) == 2
    assert study.measured(embedded, [1]) == found
    assert len(calls) == 2


def test_declaring_a_measurement_needs_no_torch():
    told = "import sys, semphase.measure.measurement; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", told]).returncode == 0
