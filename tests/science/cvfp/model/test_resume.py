"""A training that was killed goes on from its last iteration or epoch and ends with the same numbers."""

from __future__ import annotations

import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from semphase.errors import SemphaseError
from semphase.science.cvfp.model import Configuration, Recipe, normalised, train
from semphase.science.cvfp.model.checkpoint import Checkpoints, begun, clear_finished, folder_of

RECIPE = Recipe(most=6, epochs=4, patience=4, token_batch=64, context_batch=100)
SHAPE = Configuration(2, 2, 16, 24)


def run(folder, recipe=RECIPE, **options):
    """What the killed process runs as well."""
    torch.set_num_threads(1)
    rows = torch.randn(40, 16, generator=torch.Generator().manual_seed(3))
    text = np.random.default_rng(4).integers(40, size=(12, 20))
    options = {"seeds": [1, 2], "kind": "fixed-point"} | options
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Checkpoints, "due", lambda *_: True)
        return train(SHAPE, recipe, normalised(rows, np.arange(40)), text[:8], text[8:], folder=folder, **options)


def same(some, others):
    return all(own.identical(other) for own, other in zip(some, others, strict=True))


KILLED = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import test_resume
left, own = int(sys.argv[3]), Path.replace
def replace(self, target):
    global left
    left -= 1
    # In the middle of writing: the new state lies there, but is not yet in its place.
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return own(self, target)
Path.replace = replace
test_resume.run(Path(sys.argv[2]))
"""


def killed(folder, write):
    here = str(Path(__file__).parent)
    command = [sys.executable, "-c", KILLED, here, str(folder), str(write)]
    assert subprocess.run(command, timeout=300).returncode == -signal.SIGKILL


@pytest.mark.slow
@pytest.mark.parametrize(("write", "left", "first"), [(4, ["phase-1"], 3), (9, ["phase-1", "phase-2"], 6)])
def test_a_kill_changes_nothing(tmp_path, write, left, first):
    folder = tmp_path / "checkpoints"
    killed(folder, write)
    whole = (path for path in folder.glob("*.safetensors") if not path.name.startswith("."))
    assert sorted(path.stem for path in whole) == left
    told = []
    resumed = run(folder, advance=told.append)
    # Iterations that were finished before the kill are not done again.
    assert told[0] == first
    assert sum(told) == RECIPE.most + RECIPE.epochs
    if len(left) == 2:
        assert told[2] == 2
    assert same(resumed, run(tmp_path / "other"))


def broken_off(folder, recipe=RECIPE, **options):
    """A training that is interrupted after its second iteration."""

    def stop(_):
        stop.left -= 1
        if not stop.left:
            raise KeyboardInterrupt

    stop.left = 3
    with pytest.raises(KeyboardInterrupt):
        run(folder, recipe, advance=stop, **options)


@pytest.mark.parametrize("change", [{"seeds": [1, 3]}, {"recipe": replace(RECIPE, noise=0.2)}])
def test_another_trainings_checkpoint_is_not_used(tmp_path, change):
    broken_off(tmp_path / "a", **change)
    assert same(run(tmp_path / "a"), run(tmp_path / "b"))


@pytest.mark.parametrize("damage", ["cut", "number", "facts"])
def test_a_damaged_checkpoint_is_not_used(tmp_path, damage):
    broken_off(tmp_path / "a")
    (path,) = (tmp_path / "a").glob("*.safetensors")
    whole = path.read_bytes()
    facts = whole.replace(b"losses", b"lo5ses", 1)
    path.write_bytes(
        {"cut": whole[:-100], "number": whole[:-2] + bytes([whole[-2] ^ 4, whole[-1]]), "facts": facts}[damage]
    )
    assert same(run(tmp_path / "a"), run(tmp_path / "b"))


def test_divergence_leaves_the_finished_part(tmp_path):
    wild = replace(RECIPE, token_rate=1e38)
    with pytest.raises(SemphaseError, match="phase 2 of"):
        run(tmp_path / "a", wild)
    told = []
    with pytest.raises(SemphaseError, match="phase 2 of"):
        run(tmp_path / "a", wild, advance=told.append)
    assert told[0] == RECIPE.most


def test_a_folder_goes_when_all_its_seeds_are_finished_but_for_what_is_not_ours(tmp_path):
    place = tmp_path / "a"
    for seeds in ([1, 2], [3]):
        run(folder_of(place, seeds), seeds=seeds)
    (folder_of(place, [3]) / "own.txt").write_text("mine")
    clear_finished(place, {1, 3})
    assert sorted(path.name for path in tmp_path.glob("*/*")) == [
        "own.txt",
        "phase-1.safetensors",
        "phase-2.safetensors",
    ]
    clear_finished(place, {1, 2, 3})
    assert [path.name for path in tmp_path.iterdir()] == ["a-3"]


def test_trainings_that_were_begun_together_go_on_together(tmp_path):
    place = tmp_path / "a"
    for seeds in ([4], [1, 2]):
        folder_of(place, seeds).mkdir()
    (tmp_path / "a-later").mkdir()
    assert begun(place, [2]) == begun(place, [2, 1]) == [1, 2]
    assert begun(place, [1, 4]) == [1, 4]
    assert begun(tmp_path / "b", [4]) == [4]


def test_a_state_is_read_as_it_was_written(tmp_path):
    checkpoints = Checkpoints(tmp_path / "new", "mine")
    assert checkpoints.read("phase 1", "cpu") is None
    tensors = {"a": torch.arange(6.0).view(2, 3).T, "b": torch.tensor(3)}
    checkpoints.write("phase 1", tensors, {"losses": [[0.1, -1e-9]], "reached": True})
    found = checkpoints.read("phase 1", "cpu")
    assert found is not None
    assert found[1] == {"losses": [[0.1, -1e-9]], "reached": True}
    assert all(torch.equal(found[0][name], tensor) for name, tensor in tensors.items())
    assert Checkpoints(tmp_path / "new", "yours").read("phase 1", "cpu") is None


def test_a_state_is_due_some_time_after_the_last(tmp_path, monkeypatch):
    clock = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: clock[0])
    checkpoints = Checkpoints(tmp_path / "new", "mine", seconds=5.0)
    seen = []
    for now in (100.0, 104.0, 105.0):
        clock[0] = now
        seen.append(checkpoints.due("phase 1"))
    checkpoints.write("phase 1", {"a": torch.zeros(1)}, {})
    clock[0] = 109.0
    assert [*seen, checkpoints.due("phase 1"), checkpoints.due("phase 2")] == [False, False, True, False, False]
