"""The documentation's site: what it promises of the interface, its tutorial as code, and its workflow as a pull request."""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

import semphase

DOCS = Path(__file__).parents[1] / "docs"
CONSTANTS = {"ALL", "LEXICON", "TEXT"}
TUTORIAL = (DOCS / "tutorial.md").read_text(encoding="utf-8")
(CLAIM,) = re.findall(r"```python\n(.*?)```", TUTORIAL, flags=re.DOTALL)
JOB = yaml.safe_load((DOCS / "judge.yml").read_text(encoding="utf-8"))
BIN = Path(sys.executable).parent


def test_the_reference_has_every_name_of_the_interface_once():
    named = re.findall(r"^\.\. auto\w+:: semphase\.(\w+)$", (DOCS / "reference.md").read_text(encoding="utf-8"), re.M)
    assert sorted(named) == sorted(set(semphase.__all__) - CONSTANTS)


def test_every_page_is_in_the_table_of_contents():
    index = (DOCS / "index.md").read_text(encoding="utf-8")
    trees = re.findall(r"```\{toctree\}\n(.*?)```", index, re.DOTALL)
    listed = {line.strip() for tree in trees for line in tree.splitlines()}
    assert {page.stem for page in DOCS.glob("*.md")} - {"index"} <= listed


@pytest.mark.slow
def test_the_site_is_built_without_a_warning(tmp_path):
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-d", str(tmp_path / "trees"), str(DOCS)]
    built = subprocess.run([*command, str(tmp_path / "site")], capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    reference = (tmp_path / "site" / "reference.html").read_text(encoding="utf-8")
    assert 'id="semphase.perplexity_ratio"' in reference
    assert "the Hugging Face module" in (tmp_path / "site" / "writing.html").read_text(encoding="utf-8")


def run(script: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([environment.pop("first", str(folder)), str(BIN), os.environ["PATH"]])
    own = os.environ | {"PATH": path, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(DOCS.parent)} | environment
    # GitHub's shell stops at the first command that fails.
    return subprocess.run(
        ["bash", "-eo", "pipefail", "-c", script], cwd=folder, env=own, capture_output=True, text=True, check=False
    )


@pytest.mark.slow
def test_the_tutorial_runs_as_it_stands(tmp_path):
    (tmp_path / "test_first.py").write_text(CLAIM, encoding="utf-8")
    commands = re.findall(r"^```\n((?:semphase register|pytest).*)\n```$", TUTORIAL, re.M)
    assert len(commands) == 2
    for command in commands:
        done = run(command, tmp_path)
        assert done.returncode == 0, done.stdout + done.stderr
    (entry,) = json.loads((tmp_path / "reports/latest/verdicts.json").read_text(encoding="utf-8"))["claims"]
    assert (entry["id"], entry["verdict"]) == ("first.mlp-matters", "supported")
    assert run("semphase show reports/latest first.mlp-matters", tmp_path).returncode == 0


class Repository:
    """A repository with one claim, a pull request that changes it, and GitHub's steps run one after the other."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.said = folder / "work", folder / "said"
        self.folder.mkdir()
        (folder / "bin").mkdir()
        gh = folder / "bin" / "gh"
        gh.write_text(f'#!/bin/bash\ncat "${{@: -3:1}}" > {self.said}\n', encoding="utf-8")
        gh.chmod(gh.stat().st_mode | stat.S_IXUSR)
        self.first = str(folder / "bin")
        self.git("init", "-q", "-b", "main")

    def git(self, *arguments: str) -> None:
        identity = ["-c", "user.name=nobody", "-c", "user.email=nobody@example.org"]
        subprocess.run(["git", *identity, *arguments], cwd=self.folder, check=True, capture_output=True)

    def commit(self, claim: str) -> None:
        (self.folder / "claims").mkdir(exist_ok=True)
        (self.folder / "claims" / "test_first.py").write_text(claim, encoding="utf-8")
        done = run(
            "semphase register claims --amend --reason 'a stricter rule' || semphase register claims", self.folder
        )
        assert done.returncode == 0, done.stderr
        self.git("add", "claims")
        self.git("commit", "-q", "-m", "a claim")

    def steps(self) -> Iterator[tuple[str, int]]:
        """Each step that runs a command, by its name, and its exit code; one without `always()` only after success."""
        failed = False
        for step in JOB["jobs"]["judge"]["steps"]:
            if "run" in step and "pip install" not in step["run"] and ("if" in step or not failed):
                script = (
                    step["run"].replace("${{ github.event.number }}", "7").replace("${{ github.base_ref }}", "main")
                )
                done = run(
                    script, self.folder, first=self.first, GITHUB_WORKSPACE=str(self.folder), **self.environment()
                )
                failed = failed or done.returncode != 0
                yield step["name"], done.returncode

    def environment(self) -> dict[str, str]:
        return {name: str(value) for name, value in JOB["env"].items()}


@pytest.fixture
def repository(tmp_path) -> Repository:
    return Repository(tmp_path)


@pytest.mark.slow
def test_the_workflow_judges_a_pull_request_and_comments_what_changed(repository: Any):
    quick = CLAIM
    repository.commit(quick)
    repository.git("update-ref", "refs/remotes/origin/main", "HEAD")
    repository.commit(quick.replace("> 1.5", "> 1000000").replace("above(1.5)", "above(1e6)"))
    assert dict(repository.steps()) == {
        "the registry only grew": 0,
        "before": 0,
        "now": 1,
        "what changed": 0,
        "comment": 0,
    }
    comment = repository.said.read_text(encoding="utf-8")
    assert comment.startswith("<!-- semphase -->")
    assert "refuted" in comment
    assert "supported" in comment
    assert len(comment) < 65_536
