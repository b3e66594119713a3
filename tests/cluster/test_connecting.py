"""What stands in the way of a cluster is told in one sentence, before anything is measured; then claims are judged on it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from functools import partial

import pytest

from semphase.cluster import connecting
from semphase.cluster.connecting import connected
from semphase.errors import SemphaseError
from semphase.mirrors import mirror
from semphase.store import Store

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", "nonsense://nowhere", "no-such-host.invalid:8786"])
def test_an_address_where_no_scheduler_is(address, tmp_path, monkeypatch):
    monkeypatch.setattr(connecting, "CONNECT", 0.5)
    with pytest.raises(SemphaseError, match=f"there is no Dask scheduler at {address} .*give --scheduler an address"):
        connected(address, "cpu", Store(tmp_path))


def test_without_the_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(SemphaseError, match=r"which is not installed: pip install 'semphase\[cluster\]'"):
        connected("tcp://127.0.0.1:1", "cpu", Store(tmp_path))


def test_no_workers(idle, tmp_path, monkeypatch):
    monkeypatch.setattr(connecting, "WORKERS", 0.5)
    with pytest.raises(SemphaseError, match="has had no worker for"):
        connected(idle, "cpu", Store(tmp_path))


def test_another_version(scheduler, tmp_path, monkeypatch):
    monkeypatch.setattr("semphase.cluster.equal.own_sources", lambda: "0" * 64)
    with pytest.raises(
        SemphaseError, match=r"the worker tcp://\S+ has semphase's code \w+ and pytest runs with 0{12};"
    ):
        connected(scheduler, "cpu", Store(tmp_path))
    assert not list(tmp_path.iterdir())


CLAIM = """
import os
from pathlib import Path
from semphase import Estimate, Judge, Prompts, Study, above, claim, estimate, measurement

SEEN = Prompts.of("seen", ["anna saw the boat", "ben saw the key", "leo saw the cup", "kate saw the map"])
NOTES = str(Path(__file__).with_suffix(".txt"))

@measurement(version=1)
def lengths(model, prompts, *, notes):
    Path(notes).write_text(os.environ.get("PYTEST_XDIST_WORKER", "a worker of the cluster"))
    return model.anatomy.embed.weight.detach().norm(dim=1)[:len(prompts)]

@claim("NAME.norm", statement="rows have a length", criterion="their mean is > 0", parts=above(0.0), source="ours",
       estimator="mean over rows", control="the same rows", data=SEEN)
def test_norm(study: Study, judge: Judge) -> None:
    found = study.measured(lengths, SEEN, notes=NOTES)
    judge(estimate(lambda own: own.mean(-1), found), control=estimate(lambda own: own.mean(-1), found))
"""


def judged(folder, **options):
    """The report of the claims in a folder, judged in two processes."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    environment = inherited | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    given = [f"--semphase-{name}={own}" for name, own in options.items()]
    command = [sys.executable, "-m", "pytest", "-pno:cacheprovider", "-n2", "--semphase-no-universes", *given]
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=150, check=False
    )
    written = folder / "reports" / "latest" / "verdicts.json"
    assert written.exists(), done.stdout + done.stderr
    return json.loads(written.read_text())


def test_claims_of_two_processes_are_measured_on_its_workers_and_one_that_fails_costs_itself(
    scheduler, tmp_path, request
):
    for name in ("first", "second"):
        (tmp_path / f"test_{name}.py").write_text(CLAIM.replace("NAME", name))
    broken = CLAIM.replace("NAME", "broken").replace(
        "    Path(notes)", "    raise OSError('no such thing')\n    Path(notes)"
    )
    (tmp_path / "test_broken.py").write_text(broken)
    store = tmp_path / "store"
    url = f"local://{store}"
    request.addfinalizer(partial(shutil.rmtree, mirror(url)))
    told = judged(tmp_path, budget="quick", device="cpu", scheduler=scheduler, store=url)
    entries = {entry["id"]: entry for entry in told["claims"]}
    assert {name: own["verdict"] for name, own in entries.items()} == {
        "first.norm": "supported",
        "second.norm": "supported",
        "broken.norm": None,
    }
    assert "a unit of lengths failed 3 times on the cluster: OSError: no such thing" in entries["broken.norm"]["reason"]
    assert "not on the cluster" not in json.dumps(told)
    assert len(list(store.rglob("lengths/*.nc"))) == 2
    assert not list(store.rglob("*.lock"))
    for name in ("first", "second"):
        assert (tmp_path / f"test_{name}.txt").read_text() == "a worker of the cluster"
