"""The recipes of CONTRIBUTING.md, followed in a copy of the repository: each costs what the page says, and works."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from transformers import AutoConfig, AutoModelForCausalLM

from semphase.errors import SemphaseError
from semphase.models.anatomy import anatomy

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
HEADINGS = re.findall(r"^### (.*)\n(?:(?!^###? ).*\n)*?```diff\n", PAGE, flags=re.MULTILINE)
GROUP, FIGURE, EDIT, INTERVAL, FAMILY, CORPUS = (
    "A new group with its own measurement", "A figure", "An edit", "The kind of interval", "A family of models", "A corpus"
)  # fmt: skip

SMALL = {
    "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 48, "vocab_size": 60,
    "max_position_embeddings": 64,
}  # fmt: skip


def diff(heading: str) -> str:
    """The recipe below a heading."""
    section = PAGE.split(f"### {heading}\n")[1].split("\n## ")[0].split("\n### ")[0]
    (block,) = re.findall(r"```diff\n(.*?)```", section, flags=re.DOTALL)
    return block


def touched(heading: str) -> list[str]:
    """The files that a recipe writes."""
    return re.findall(r"^\+\+\+ b/(.*)$", diff(heading), flags=re.MULTILINE)


@dataclass(frozen=True)
class Copy:
    """The repository as somebody changes it."""

    folder: Path

    def follow(self, heading: str) -> None:
        """Apply a recipe; git refuses one that does not fit."""
        # Inside another repository git would pass the files by.
        alone = os.environ | {"GIT_CEILING_DIRECTORIES": str(self.folder.parent)}
        subprocess.run(["git", "apply", "-"], input=diff(heading), text=True, cwd=self.folder, env=alone, check=True)

    def run(self, *command: str, cwd: Path | None = None) -> str:
        """What a Python of the copy says."""
        environment = os.environ | {
            "PYTHONPATH": str(self.folder), "XDG_CACHE_HOME": str(self.folder / "cache"), "OMP_NUM_THREADS": "1",
        }  # fmt: skip
        done = subprocess.run(
            [sys.executable, *command],
            cwd=cwd or self.folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@pytest.fixture
def copy(tmp_path: Path) -> Copy:
    folder = tmp_path / "copy"
    for part in ("semphase", "claims"):
        shutil.copytree(ROOT / part, folder / part)
    for part in ("conftest.py", "pyproject.toml"):
        shutil.copy(ROOT / part, folder)
    (folder / "fixtures").symlink_to(ROOT / "fixtures")
    return Copy(folder)


def test_there_is_one_of_each() -> None:
    assert HEADINGS == [GROUP, FIGURE, EDIT, INTERVAL, FAMILY, CORPUS]


@pytest.mark.parametrize("heading", [FIGURE, EDIT, INTERVAL, FAMILY, CORPUS])
def test_a_recipe_is_one_file_and_a_few_lines(heading: str) -> None:
    assert len(touched(heading)) == 1
    changed = [line for line in diff(heading).splitlines() if re.match(r"[-+](?![-+])", line)]
    assert len(changed) <= 20


def test_a_group_is_one_folder_and_a_claim_file() -> None:
    *science, claims = sorted(touched(GROUP), reverse=True)
    assert len({Path(file).parent for file in science}) == 1
    assert Path(science[0]).parents[1] == Path("semphase/science")
    assert Path(claims).parent == Path("claims")


@pytest.mark.slow
def test_a_new_group_is_listed_registered_and_judged(copy: Copy) -> None:
    copy.follow(GROUP)
    before = (copy.folder / "claims/registry.jsonl").read_text(encoding="utf-8")
    copy.run("-m", "semphase", "register", "claims/test_lengths.py")
    assert (copy.folder / "claims/registry.jsonl").read_text(encoding="utf-8").startswith(before)
    (listed,) = json.loads(copy.run("-m", "semphase", "list", "claims/test_lengths.py", "--json"))["claims"]
    assert listed["id"] == "lengths.grow"
    (entry,) = judged(copy, "claims/test_lengths.py", copy.folder)
    assert entry["registration"]["status"] == "unknown"  # the store is new
    assert entry["verdict"] == "supported"
    assert entry["control"]
    assert entry["estimate"]["low"] <= entry["estimate"]["value"] <= entry["estimate"]["high"]


@pytest.mark.slow
def test_a_figure_is_drawn_outside_the_repository_too(copy: Copy, tmp_path: Path) -> None:
    copy.follow(GROUP)
    copy.follow(FIGURE)
    own = tmp_path / "own"
    own.mkdir()
    shutil.move(copy.folder / "claims/test_lengths.py", own)
    (entry,) = judged(copy, "test_lengths.py", own)
    assert entry["registration"]["status"] == "unregistered"
    (figure,) = (own / "reports/latest/figures").rglob("*.png")
    assert figure.relative_to(own / "reports/latest").as_posix() == "figures/tiny/lengths.grow/growth.png"
    assert figure.read_bytes().startswith(b"\x89PNG")


def judged(copy: Copy, file: str, folder: Path) -> list[dict]:
    """A claim file's entries in the report on the tiny model."""
    copy.run("-m", "pytest", file, "--semphase-budget=quick", "-pno:cacheprovider", "-q", cwd=folder)
    return json.loads((folder / "reports/latest/verdicts.json").read_text(encoding="utf-8"))["claims"]


@pytest.mark.slow
def test_an_edit_is_importable_and_moves_the_loss(copy: Copy) -> None:
    copy.follow(EDIT)
    told = copy.run(
        "-c",
        "import semphase, numpy as np\n"
        "from semphase.measure import items, reading\n"
        "from semphase.models import load\n"
        "assert 'clipped' in semphase.__all__ and 'clipped' in dir(semphase)\n"
        "model = load('tiny', device='cpu')\n"
        "seen = items.Items((tuple(model.encode('anna saw the boat and the bank')),), (0,))\n"
        "edit = semphase.clipped(semphase.stream(1), 0.1)\n"
        "whole, cut = (np.nanmean(reading.token_losses(model, seen, edits)) for edits in ((), (edit,)))\n"
        "print(edit, abs(whole - cut))",
    )
    assert float(re.fullmatch(r"clipped\(stream\(1\), 0.1\) (\S+)\n", told)[1]) > 0.01


def test_the_kind_of_interval_changes_in_one_place(copy: Copy) -> None:
    code = (
        "import json\n"
        "import numpy as np\n"
        "from semphase.stats.estimates import mean\n"
        "from semphase.stats.left_out import Factor, smooth\n"
        "values = np.random.default_rng(0).exponential(size=12)\n"
        "without = (values.sum() - values) / 11\n"
        "one, two = mean(values), smooth(values.mean(), Factor('words', without), what='mean')\n"
        "print(json.dumps([(own.value, own.low, own.high) for own in (one, two)]))\n"
    )
    before = json.loads(copy.run("-c", code))
    copy.follow(INTERVAL)
    after = json.loads(copy.run("-c", code))
    for (value, _, high), (_, students_low, students_high) in zip(before, after, strict=True):
        # Without its correction for skewness the interval is Student's own, even around the value.
        assert students_high - value == pytest.approx(value - students_low)
        assert high > students_high


@pytest.mark.slow
def test_a_family_is_named_and_its_parts_add_up(copy: Copy) -> None:
    config = AutoConfig.for_model("biogpt", **SMALL)
    with pytest.raises(SemphaseError, match="the family 'biogpt' cannot be measured"):
        anatomy(AutoModelForCausalLM.from_config(config).eval())
    copy.follow(FAMILY)
    code = (
        "from transformers import AutoConfig, AutoModelForCausalLM\n"
        "from semphase.models.anatomy import anatomy, check_anatomy\n"
        f"config = AutoConfig.for_model('biogpt', **{SMALL})\n"
        "module = AutoModelForCausalLM.from_config(config).eval()\n"
        "parts = anatomy(module)\n"
        "check_anatomy(module, parts)\n"
        "print(len(parts.blocks), type(parts.final_norm).__name__)\n"
    )
    assert copy.run("-c", code) == "2 LayerNorm\n"


def test_a_corpus_is_read_by_name_and_listed(copy: Copy) -> None:
    copy.follow(CORPUS)
    code = (
        "from semphase.data.corpus import load\n"
        "from semphase.errors import SemphaseError\n"
        "print(load('counting').text[:11])\n"
        "try:\n"
        "    load('no-such')\n"
        "except SemphaseError as error:\n"
        "    print(error)\n"
    )
    read, refused = copy.run("-c", code).splitlines()
    assert read == "0 1 2 3 4 5"
    assert "counting" in refused
