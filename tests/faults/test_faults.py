"""A few faults of each kind change no number; and what would be wrong is counted as such."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
import torch
from faults.bad import CHANGES, good, inputs
from faults.counting import finished
from faults.disks import can_mount, small_disk
from faults.outcome import Outcome, table
from faults.projects import Ran
from faults.same import differing, timeless

from semphase.checked import write_checked
from semphase.errors import SemphaseError
from semphase.measure.shelf import Shelf
from semphase.report.save import save
from semphase.store import Store

RECORD = Path(__file__).with_name("record.py")
DOCUMENT = {
    "run": {"id": "0", "started": "now", "seconds": 1.0, "command": "pytest", "git": None, "seed": 0},
    "claims": [{"id": "a", "seconds": 0.1, "estimate": 1.5}],
}


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="runs are forked")
def test_a_few_faults_of_each_kind_change_nothing() -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    done = subprocess.run(
        [sys.executable, str(RECORD), "--short"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    rows = {line.split("  ")[0] for line in done.stdout.splitlines()}
    assert {
        "SIGKILL",
        "a full disk",
        "a flipped bit",
        "two runs on one store",
        "out of memory",
        "bad inputs",
    } <= rows


def test_times_and_names_of_a_run_do_not_tell_reports_apart_and_numbers_do() -> None:
    other = json.loads(json.dumps(DOCUMENT))
    other["run"] |= {"id": "1", "started": "later", "seconds": 9.0, "command": "pytest -x", "restored": 1}
    other["claims"][0]["seconds"] = 2.0
    assert timeless(other) == timeless(DOCUMENT)
    other["claims"][0]["estimate"] = 1.5000000000000002
    assert "estimate" in differing(DOCUMENT, other)
    assert differing(DOCUMENT, None)


def test_what_a_store_has_whole_is_finished_and_nothing_else(tmp_path: Path) -> None:
    import xarray as xr

    store = Store(tmp_path)
    for name in ("whole", "damaged"):
        store.get({"measurement": "m", "name": name}, lambda: xr.Dataset({"x": 1.0}))
    store.path({"measurement": "m", "name": "damaged"}).with_suffix(".sha256").write_text("0")
    write_checked(tmp_path / "verdicts" / "a.json", {"claim": "a.one"})
    (tmp_path / "verdicts" / "b.json").write_text('{"claim": "b.one"}')
    whole = store.path({"measurement": "m", "name": "whole"}).name
    assert finished(tmp_path) == {f"entry {whole}", "verdict a.one"}


def test_a_row_counts_what_went_wrong() -> None:
    row = Outcome("a fault", tried=3)
    row.require("", "nothing there")
    row.same("1 against 2", "a run")
    row.again({"entry x"}, "a run")
    row.same("", "another")
    row.again(set(), "another")
    assert (row.lost, row.mismatches, len(row.failures)) == (1, 1, 3)
    assert "a fault" in table([row])


@pytest.mark.parametrize(
    ("ran", "why"),
    [
        (Ran(0, "1 passed", 1.0, None), "ended with 0"),
        (Ran(1, "Traceback (most recent call last):\nERROR: x", 1.0, None), "traceback"),
        (Ran(-signal.SIGSEGV, "", 1.0, None), "ended with -11"),
        (Ran(4, "", 1.0, None), "said nothing"),
        (Ran(4, "ERROR: there is no such thing", 1.0, None), ""),
    ],
)
def test_a_refusal_is_a_sentence_and_an_exit_code(ran: Ran, why: str) -> None:
    assert why in ran.refused
    assert bool(why) == bool(ran.refused)


def test_the_same_seed_makes_the_same_inputs(tmp_path: Path) -> None:
    made = []
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        made.append([(own.kind, own.what, own.must) for own in inputs(60, 3, tmp_path / name)])
    assert made[0] == made[1]
    assert sum(must for *_, must in made[0]) == 60


@pytest.mark.parametrize("kind", CHANGES)
def test_every_change_changes(kind: str) -> None:
    for change in CHANGES[kind].values():
        assert change(good(kind), random.Random(0)) != good(kind)


@pytest.mark.parametrize("there", [True, False], ids=["its report in place", "nothing in place"])
def test_what_a_kill_between_two_reports_left_aside_is_taken_back(tmp_path: Path, there: bool) -> None:
    out, old = tmp_path / "latest", tmp_path / ".latest.0.old"
    old.mkdir()
    (old / "notes.txt").write_text("mine")
    if there:
        out.mkdir()
    save(out, tmp_path / ".latest.1.partial", {"verdicts.json": "{}"})
    assert (out / "notes.txt").read_text() == "mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["latest"]


@pytest.mark.skipif(not can_mount(), reason="nothing can be mounted here")
def test_streams_that_a_full_disk_does_not_hold_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is mapped into memory and has no blocks ends the process that writes to it."""
    with small_disk(128) as disk:
        monkeypatch.setattr(tempfile, "tempdir", str(disk))
        shelf = Shelf(2, (256, 256), dtype=torch.float32, device=torch.device("cpu"), memory=300_000, what="streams")
        shelf[0] = torch.ones(256, 256)
        with pytest.raises(SemphaseError, match=r"no room in .* to spill residual streams .*No space left on device"):
            shelf[1] = torch.ones(256, 256)
        shelf.close()
