"""Measurements on other processes: the same numbers, and a unit that is lost or broken costs itself alone."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from semphase import head, zeroed
from semphase.data.prompts import Prompts
from semphase.errors import SemphaseError
from semphase.measure.measurement import measurement
from semphase.science.heads.facet import Heads
from semphase.study.measuring import measurement_key

pytestmark = pytest.mark.slow


def note(folder, number):
    with Path(folder, "ran.txt").open("a") as log:
        log.write(f"{number} {os.getpid()}\n")


def ran(folder):
    return [tuple(map(int, line.split())) for line in Path(folder, "ran.txt").read_text().splitlines()]


def everything(study):
    """Losses under a sweep, of single heads and of several, and logits: each from its own kind of unit."""
    labels = {(k, h): zeroed(head(k, h)) for k in range(2) for h in range(2)}
    heads = study.facet(Heads)
    prompts = Prompts.of("seen", ["anna saw the boat", "leo saw the cup"])
    return {
        "sweep": study.sweep(study.text, labels).values,
        "single heads": heads.single_of("mean", "judge", [1, 9, 40]).sums,
        "joint heads": heads.joints([{3: "zero", 20: "mean"}, {41: "zero"}], "judge").sums,
        "logits": study.prompts(prompts).logits().values,
    }


def test_numbers_are_those_of_one_process(cluster, make, tmp_path):
    here, there = make(tmp_path / "here"), make(tmp_path / "there")
    cluster.serve(there)
    alone, sent = everything(here), everything(there)
    for name, own in alone.items():
        np.testing.assert_array_equal(sent[name], own, err_msg=name)
    assert not cluster.kept_here


@measurement(version=1)
def killing(model, data, *, folder, number):
    """Kills its worker the first time that it measures number 1."""
    note(folder, number)
    if number == 1 and not Path(folder, "killed").exists():
        Path(folder, "killed").touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return np.array(number)


@measurement(version=1)
def breaking(model, data, *, folder, number):
    """Never gets number 1 done."""
    note(folder, number)
    if number == 1:
        raise OSError("no such thing as one")
    return np.array(number)


def laters(study, function, folder, count):
    """Several measurements under way at once, and what waits for each."""
    keys = [measurement_key(study, function, None, {"folder": str(folder), "number": k}) for k in range(count)]

    def waiting(number, key):
        return study.store.later(
            key, lambda: xr.Dataset({"found": function(study.model, None, folder=folder, number=number)})
        )

    return [waiting(number, key) for number, key in enumerate(keys)]


def test_a_killed_worker_costs_its_unit_alone(cluster, make, tmp_path):
    study = make(tmp_path)
    cluster.serve(study)
    found = [int(wait()["found"]) for wait in laters(study, killing, tmp_path, 6)]
    assert found == list(range(6))
    numbers = sorted(number for number, _ in ran(tmp_path))
    assert numbers == [0, 1, 1, 2, 3, 4, 5]
    assert os.getpid() not in {process for _, process in ran(tmp_path)}


def test_what_fails_three_times_is_told_and_the_rest_completes(cluster, make, tmp_path):
    study = make(tmp_path)
    cluster.serve(study)
    waits = laters(study, breaking, tmp_path, 4)
    with pytest.raises(SemphaseError, match="a unit of breaking failed 3 times on the cluster: OSError: no such thing"):
        waits[1]()
    assert [int(waits[number]()["found"]) for number in (0, 2, 3)] == [0, 2, 3]
    assert sorted(number for number, _ in ran(tmp_path)) == [0, 1, 1, 1, 2, 3]
