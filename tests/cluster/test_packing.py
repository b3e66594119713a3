"""A unit goes to a worker as names and values, and becomes the same there; all in this process."""

from __future__ import annotations

import pickle
import sys
import threading
from contextlib import ExitStack
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch

from semphase.cluster.equal import Machine, machine, require_equal
from semphase.cluster.packing import Book, Unsendable
from semphase.cluster.rebuilding import Kept
from semphase.cluster.stores import marked
from semphase.cluster.unit import Outcome
from semphase.errors import NotApplicable, SemphaseError
from semphase.measure.measurement import measurement
from semphase.measure.replay import Replay
from semphase.science.heads.facet import Heads
from semphase.store import Store, opened
from semphase.store.remote import Remote
from semphase.study.subject import Opened, Trained
from semphase.study.sweep import swept
from semphase.study.text import LazyReplay


@measurement(version=1)
def doubled(model, data):
    return 2 * np.asarray(data)


def there(thing, study, kept=None):
    """What a worker makes of it."""
    book = Book()
    book.add(study.subject)
    packed = book.packed(thing)
    with ExitStack() as closing:
        return (kept or Kept()).rebuilt(packed.content, book.described, closing)


@pytest.fixture
def study(make, tmp_path):
    return make(tmp_path)


def test_a_study_is_the_same_elsewhere(study):
    made = there(study, study)
    assert made is not study
    assert made.subject.identity == study.subject.identity
    assert made.store.root == study.store.root.absolute()
    assert (made.corpus, made.lexicon, made.budget, made.seed) == (
        study.corpus,
        study.lexicon,
        study.budget,
        study.seed,
    )


def test_what_belongs_to_a_study_is_that_of_the_study_elsewhere(study):
    made, heads, text, copy, model = there(
        (study, study.facet(Heads), study.text, study.untrained[3], study.model), study
    )
    assert made.facet(Heads) is heads
    assert made.text is text
    assert made.model is model
    assert copy.subject.identity == study.untrained[3].subject.identity
    assert copy.subject.parent is made.subject


def test_a_variant_keeps_its_base_and_its_choices(study):
    variant = study.varied(seed=7, ablation="mean")
    made, base = there((variant, study), study)
    assert made.base is base
    assert (made.seed, made.choice("ablation")) == (7, "mean")


def test_a_model_is_loaded_once(study):
    kept = Kept()
    assert there(study, study, kept).model is there(study.model, study, kept)


def test_functions_of_a_project_go_by_value_and_those_of_semphase_by_name(study):
    made, own = there((doubled, swept), study)
    assert own is swept
    assert made is not doubled
    np.testing.assert_array_equal(made(None, [1, 2]), [2, 4])


def test_a_local_function_with_a_cache_has_an_empty_one_there(study):
    calls = []
    counted = cache(lambda number: calls.append(number) or len(calls))
    assert counted(1) == 1
    made, again = there((counted, counted), study)
    assert made is again
    assert (made(1), made(1), made(2)) == (2, 2, 3)


def test_a_replay_is_made_where_it_is_needed_and_closed(study):
    ids = next(study.text.groups("judge"))
    with LazyReplay(lambda: study.text.replay(ids)) as lazy:
        _ = lazy.replay
        book = Book()
        book.add(study.subject)
        packed = book.packed((lazy, lazy))
    with ExitStack() as closing:
        first, second = Kept().rebuilt(packed.content, book.described, closing)
        assert first is second
        with study.text.replay(ids) as replay:
            torch.testing.assert_close(first.replay.in_force, replay.in_force)


@pytest.mark.parametrize("own", ["module", "replay", "lock", "model"])
def test_what_cannot_leave_says_so(study, own, random_gpt2):
    held = {
        "module": lambda: study.model.module,
        "replay": lambda: study.text.replay(next(study.text.groups("judge"))),
        "lock": threading.Lock,
        "model": lambda: random_gpt2,
    }[own]()
    with pytest.raises(Unsendable):
        Book().packed({"held": held})
    if isinstance(held, Replay):
        held.close()


def test_a_model_that_is_another_one_elsewhere_is_refused(study):
    identity = study.subject.identity | {"weights": "others"}
    with pytest.raises(SemphaseError, match=r"the model tiny has other weights on a worker"):
        Kept().subject(Opened("tiny", "cpu", "float32"), None, identity, 0)


def test_a_study_whose_model_was_made_by_hand_stays_here(study_of, random_gpt2):
    assert Trained(random_gpt2).opened is None
    with pytest.raises(Unsendable, match="not loaded by its name"):
        Book().packed(study_of(random_gpt2))


def test_refusals_keep_their_kind():
    Outcome().require()
    with pytest.raises(NotApplicable, match="no text"):
        pickle.loads(pickle.dumps(Outcome(refusal=("NotApplicable", "no text")))).require()


OWN = Machine({"torch": "2.13.0"}, "cuda", "", sees=True)
WORKERS = [
    (replace(OWN, versions={"torch": "2.12.0"}), "the worker w has torch 2.12.0 and pytest runs with 2.13.0"),
    (replace(OWN, device="cpu"), "the worker w measures on cpu and this process on cuda"),
    (replace(OWN, refusal="no such device"), "the worker w cannot measure: no such device"),
    (replace(OWN, sees=False), "the worker w does not see the store"),
]


@pytest.mark.parametrize(("worker", "sentence"), WORKERS)
def test_workers_that_would_measure_otherwise_are_refused(worker, sentence, tmp_path):
    with pytest.raises(SemphaseError, match=sentence):
        require_equal(OWN, {"v": OWN, "w": worker}, Store(tmp_path))


def elsewhere(thing):
    """What crosses to another process."""
    return pickle.loads(pickle.dumps(thing))


@pytest.mark.parametrize("url", ["", "local://{}"])
def test_this_process_is_equal_to_itself(url, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "worker"))
    store = opened(tmp_path, url.format(tmp_path / "shared"))
    with marked(store) as mark:
        own = machine("cpu", store.place, mark)
        require_equal(own, {"w": elsewhere(own)}, store)
    assert machine("cpu", store.place, mark).sees is False


def test_a_store_of_a_url_has_a_folder_of_its_own_on_each_machine(make, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "worker"))
    study = make(tmp_path / "here")
    study.store.remote = Remote(f"local://{tmp_path}/shared")
    made = there(study, study).store
    assert made.remote == study.store.remote
    assert made.root.is_relative_to(tmp_path / "worker")


def test_a_driver_that_a_worker_lacks_is_told(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "paramiko", None)
    found = machine("cpu", (tmp_path, "sftp://nowhere/store"), "mark")
    assert "sftp://nowhere/store needs a package that is not installed" in found.refusal
