"""Activation patching, a feature of an autoencoder, hidden keys, two models: from the wheel, in a project of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
def test_what_a_researcher_would_write_runs_from_the_wheel(site: Path, tmp_path: Path) -> None:
    shutil.copy(Path(__file__).with_name("on_paper.py"), tmp_path / "test_on_paper.py")
    roles = ["--semphase-model=base=tiny", "--semphase-model=tuned=tiny-deep"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *roles, "--semphase-budget=quick", "-pno:cacheprovider"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(site), "XDG_CACHE_HOME": str(tmp_path / "cache")},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    entries = json.loads((tmp_path / "reports/latest/verdicts.json").read_text(encoding="utf-8"))["claims"]
    judged = {(entry["id"], entry["model"]): entry for entry in entries}
    one = {(f"paper.{name}", model) for name in ("patching", "feature", "blind") for model in ("tiny", "tiny-deep")}
    assert judged.keys() == {*one, ("paper.tuned", "tiny+tiny-deep")}
    for (name, model), entry in judged.items():
        # Whether a direction of no special kind matters is anybody's guess. Patching moves every prompt by the whole, and
        # what is alike in all says nothing of its spread; the others are so by construction.
        decided = entry["verdict"] == "supported" or (name == "paper.patching" and entry["point"])
        assert decided or name == "paper.feature", (name, model)
        assert entry["estimate"]["value"] != 1.0 or name == "paper.patching", (name, model)
    assert (tmp_path / "reports/latest/figures/tiny/paper.patching/heat-map.png").exists()
