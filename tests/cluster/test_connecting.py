"""What stands in the way of a cluster is told in one sentence, before anything is measured; then claims are judged on it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from semphase.cluster import connecting
from semphase.cluster.connecting import connected
from semphase.errors import SemphaseError

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", "nonsense://nowhere", "no-such-host.invalid:8786"])
def test_an_address_where_no_scheduler_is(address, tmp_path, monkeypatch):
    monkeypatch.setattr(connecting, "CONNECT", 0.5)
    with pytest.raises(SemphaseError, match=f"there is no Dask scheduler at {address} .*give --scheduler an address"):
        connected(address, "cpu", tmp_path)


def test_without_the_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(SemphaseError, match=r"which is not installed: pip install 'semphase\[cluster\]'"):
        connected("tcp://127.0.0.1:1", "cpu", tmp_path)


def test_no_workers(idle, tmp_path, monkeypatch):
    monkeypatch.setattr(connecting, "WORKERS", 0.5)
    with pytest.raises(SemphaseError, match="has had no worker for"):
        connected(idle, "cpu", tmp_path)


def test_another_version(scheduler, tmp_path, monkeypatch):
    monkeypatch.setattr("semphase.cluster.equal.own_sources", lambda: "0" * 64)
    with pytest.raises(
        SemphaseError, match=r"the worker tcp://\S+ has semphase's code \w+ and pytest runs with 0{12};"
    ):
        connected(scheduler, "cpu", tmp_path)
    assert not list(tmp_path.iterdir())


def test_claims_of_two_processes_are_judged_on_its_workers(scheduler, tmp_path):
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    environment = {**inherited, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    options = ["--claims=heads.removable", "--budget=quick", "--no-universes", "--device=cpu", "-n2", "-q"]
    places = [f"--store={(tmp_path / 'store').as_uri()}", f"--out={tmp_path / 'out'}", f"--scheduler={scheduler}"]
    command = [sys.executable, "-m", "pytest", "claims/test_heads.py", "-pno:cacheprovider", *options, *places]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300, check=False)
    told = json.loads((tmp_path / "out" / "verdicts.json").read_text())
    assert [entry["outcome"] for entry in told["claims"]] == ["passed"], done.stdout + done.stderr
    assert not [notice for notice in told["notices"] if "not on the cluster" in notice]
    assert list((tmp_path / "store").rglob("single heads/*.nc"))
