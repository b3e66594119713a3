"""The recipe for a new group is followed in a temporary copy: three files and the registration, nothing else."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
GUIDE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")


def files() -> dict[str, str]:
    """The blocks of the guide that begin with a path, by it."""
    blocks = re.findall(r"```python\n# (\S+)\n(.*?)```", GUIDE, flags=re.DOTALL)
    return dict(blocks)


def test_a_group_touches_one_folder_and_its_claim_file() -> None:
    assert {str(Path(path).parent) for path in files()} == {"semphase/science/norms", "claims"}


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The package and the recipe's files; data are linked."""
    shutil.copytree(ROOT / "semphase", tmp_path / "semphase", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "fixtures").symlink_to(ROOT / "fixtures")
    for path, text in files().items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text, encoding="utf-8")
    shutil.copy(ROOT / "semphase/science/writes/__init__.py", tmp_path / "semphase/science/norms/__init__.py")
    return tmp_path


@pytest.mark.slow
def test_the_recipe_gives_a_verdict_with_its_figure(copy: Path) -> None:
    environment = os.environ | {"PYTHONPATH": str(copy), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    options = ["--semphase-model=tiny", "--semphase-budget=quick", "--semphase-store=store", "-pno:cacheprovider"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "claims", "-psemphase.plugin", *options],
        cwd=copy, env=environment, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    (entry,) = json.loads((copy / "reports/latest/verdicts.json").read_text(encoding="utf-8"))["claims"]
    assert entry["verdict"] == "supported"
    assert entry["figures"] == ["figures/tiny/norms.grow/lengths-by-layer.png"]
    assert (copy / "reports/latest" / entry["figures"][0]).exists()
