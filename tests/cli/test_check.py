"""`semphase check`: what became of a registry since somebody saw it."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from command import Run

from semphase.verdict.registry import read

Report = Callable[..., Path]


def git(folder: Path, *words: str) -> str:
    own = [
        "-c",
        "user.name=a",
        "-c",
        "user.email=a@example.org",
        "-c",
        "init.defaultBranch=main",
        "-c",
        "commit.gpgsign=false",
    ]
    return subprocess.run(
        [str(shutil.which("git")), *own, *words], cwd=folder, check=True, capture_output=True, text=True
    ).stdout


@pytest.fixture
def seen(run: Run, folder: Path, report: Report) -> Path:
    """A registry of two claims that a report and a revision saw."""
    run("register", "test_a.py")
    known = read(folder / "registry.jsonl")
    report("seen", registry={"registry.jsonl": {"head": known.head, "length": 2}})
    git(folder, "init", "-q")
    git(folder, "add", "registry.jsonl")
    git(folder, "commit", "-qm", "registered")
    return folder / "registry.jsonl"


def amended(run: Run, folder: Path) -> None:
    text = (folder / "test_a.py").read_text()
    (folder / "test_a.py").write_text(text.replace("above(0.5", "above(0.4"))
    assert run("register", "test_a.py", "--amend", "--reason", "looser").code == 0


def anew(run: Run, folder: Path) -> None:
    (folder / "registry.jsonl").unlink()
    text = (folder / "test_a.py").read_text()
    (folder / "test_a.py").write_text(text.replace("above(0.96", "above(0.9"))
    assert run("register", "test_a.py").code == 0


def cut(run: Run, folder: Path) -> None:
    path = folder / "registry.jsonl"
    path.write_text(path.read_text().splitlines(keepends=True)[0])


def edited(run: Run, folder: Path) -> None:
    path = folder / "registry.jsonl"
    path.write_text(path.read_text().replace("a.one", "a.uno", 1))


def edited_last(run: Run, folder: Path) -> None:
    path = folder / "registry.jsonl"
    path.write_text(path.read_text().replace("a.two", "a.duo", 1))


@pytest.mark.parametrize("against", ["seen", "HEAD"])
def test_what_was_seen_still_stands_and_later_lines_are_vouched_for_by_nobody(
    run: Run, folder: Path, seen: Path, against: str
) -> None:
    assert run("check", ".", "--against", against).out.startswith("OK: registry.jsonl holds the 2 lines that")
    amended(run, folder)
    told = run("check", "registry.jsonl", "--against", against, "--json").json
    assert (told["ok"], told["seen"], told["length"], told["problems"]) == (True, 2, 3, [])
    assert "1 line came later, for which this comparison does not vouch" in told["notices"]


@pytest.mark.parametrize("against", ["seen", "HEAD"])
@pytest.mark.parametrize(
    ("harm", "sentence"),
    [
        (cut, "the tail was cut"),
        (anew, "anew"),
        (edited, "line 2 of the registry registry.jsonl does not follow from the one before it"),
        (edited_last, "was edited"),
    ],
)
def test_harm_shows(
    run: Run, folder: Path, seen: Path, against: str, harm: Callable[[Run, Path], None], sentence: str
) -> None:
    harm(run, folder)
    ran = run("check", ".", "--against", against)
    assert (ran.code, sentence in " ".join(ran.err.split())) == (1, True)
    told: Any = json.loads(run("check", ".", "--against", against, "--json").out)
    assert not told["ok"]
    assert sentence in told["problems"][0]


def test_a_head_that_was_never_published_proves_nothing(run: Run, folder: Path, seen: Path) -> None:
    for words in (("check", "."), ("check", ".", "--against", "HEAD")):
        assert "a head that was never published proves nothing" in " ".join(run(*words).out.split())
    git(folder, "update-ref", "refs/remotes/origin/main", "HEAD")
    assert run("check", ".", "--against", "HEAD", "--json").json["notices"] == []


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("nowhere",), "there is no registry at nowhere: name a registry.jsonl or its folder"),
        ((".", "--against", "v9"), "v9 is no report, and no revision of git that holds registry.jsonl here"),
        ((".", "--against", "blind"), "the report blind saw no registry"),
        (
            (".", "--against", "elsewhere"),
            "the report elsewhere saw no registry of this path; it saw x/registry.jsonl, y/",
        ),
    ],
)
def test_what_cannot_be_compared_is_told(
    run: Run, seen: Path, report: Report, words: tuple[str, ...], sentence: str
) -> None:
    report("blind")
    form = {"head": "0", "length": 1}
    report("elsewhere", registry={"x/registry.jsonl": form, "y/registry.jsonl": form})
    assert run("check", *words).refusal.startswith(sentence)


def test_what_looks_like_an_option_of_git_is_a_revision_that_is_not_there(run: Run, folder: Path, seen: Path) -> None:
    for against in ("--output=zz", "-h", "--all"):
        refusal = run("check", ".", f"--against={against}").refusal
        assert refusal.startswith(f"{against} is no report, and no revision of git that holds registry.jsonl here")
    assert {path.name for path in folder.iterdir()} >= {"seen", "registry.jsonl"}
    assert not list(folder.glob("zz*"))


def test_a_problem_is_told_once(run: Run, folder: Path, seen: Path) -> None:
    cut(run, folder)
    ran = run("check", ".", "--against", "seen")
    assert (ran.code, ran.err.count("the tail was cut"), ran.out.count("the tail was cut")) == (1, 1, 0)


@pytest.mark.slow
def test_a_line_that_is_dated_before_the_one_above_it_shows(run: Run, folder: Path, seen: Path) -> None:
    last = json.loads(seen.read_text().splitlines()[-1])
    previous = hashlib.sha256(seen.read_bytes().splitlines()[-1]).hexdigest()
    line = {**last, "id": "a.late", "date": "2020-01-01T00:00:00+00:00", "previous": previous}
    seen.write_text(seen.read_text() + json.dumps(line) + "\n")
    sentence = "registry.jsonl: line 3 is dated 2020-01-01T00:00:00+00:00, before the line above it (a.late)"
    for words in ((), ("--against", "seen"), ("--against", "HEAD")):
        assert run("check", ".", *words).err.strip() == f"semphase: {sentence}"
        told = json.loads(run("check", ".", *words, "--json").out)
        assert (told["ok"], told["problems"]) == (False, [sentence])


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 the first half", b"<html>not found</html>\n"])
def test_what_was_to_be_an_archive_is_no_registry(run: Run, folder: Path, content: bytes) -> None:
    (folder / "fetched.zip").write_bytes(content)
    ran = run("check", "fetched.zip")
    assert ran.code == 1
    assert "the archive fetched.zip cannot be read" in ran.err
    assert ": fetch or write it again" in ran.err
