"""`semphase check ARCHIVE`, from a run in two processes to claims that are judged again without a model's pass."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote

import pytest
from command import Ran
from typer.testing import CliRunner

import semphase
from semphase.cli.app import app
from semphase.cli.archived import Again, checking_archive
from semphase.errors import SemphaseError
from semphase.report.archive import samples_in
from semphase.report.crate import METADATA

pytestmark = pytest.mark.slow
LENGTHS = """
from semphase import Prompts, above, claim, measurement, mean

SEEN = Prompts.of("seen", ["anna saw the boat", "ben saw the key", "leo saw the cup", "kate saw the map", "tom saw it"])

@measurement(version=1)
def length_{name}(model, items):
    from semphase.measure import reading
    from semphase.measure.sites import stream
    return (reading.read(model, items, stream(2)) ** 2).mean(["layer", "position", "d"]) ** 0.5

@claim("long.{name}", statement="it is long", criterion="length > {bound}", parts=above({bound}, "length"),
       estimator="mean", source="ours", control="none: a length", data=SEEN)
def test_{name}(study, judge):
    judge(mean(study.measured(length_{name}, study.prompts(SEEN).items).values, over="prompts"))
"""
Change = Callable[[dict[str, bytes]], None]
BOUNDS = {"short": "1e6", "long": "1e-3", "plain": "1e-6"}


def environment() -> dict[str, str]:
    own = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST_XDIST")}
    return {**own, "PYTHONPATH": str(Path(semphase.__path__[0]).parent), "COLUMNS": "200"}


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a run with two workers, each of which judged one file."""
    folder = tmp_path_factory.mktemp("project")
    for name, bound in BOUNDS.items():
        (folder / f"test_{name}.py").write_text(LENGTHS.replace("{name}", name).replace("{bound}", bound))
    command = [sys.executable, "-m", "pytest", "-n", "2", "--dist", "loadfile", "-p", "no:cacheprovider", "-q"]
    options = [
        "--semphase-archive",
        "--semphase-bos=no",  # what a run was asked for is in its archive too
        "--semphase-budget=quick",
        "--semphase-out=out",
        f"--semphase-store={folder / 'store'}",
    ]
    done = subprocess.run(
        [*command, *options], cwd=folder, env=environment(), capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 1, done.stdout + done.stderr  # a refuted claim fails
    assert "archive: " in done.stdout
    shutil.rmtree(folder / "store")  # all that is needed is in the archive
    return folder / "out" / "archive.zip"


def check(archive: Path, *words: str) -> Ran:
    command = [sys.executable, "-m", "semphase", "check", str(archive), *words]
    done = subprocess.run(
        command, cwd=archive.parent, env=environment(), capture_output=True, text=True, timeout=300, check=False
    )
    return Ran(done.returncode, done.stdout, done.stderr)


def edited(archive: Path, name: str, *changes: Change) -> Path:
    """The archive with other content."""
    with zipfile.ZipFile(archive) as file:
        content = {own: file.read(own) for own in file.namelist()}
    for change in changes:
        change(content)
    other = archive.with_name(name)
    with zipfile.ZipFile(other, "w") as file:
        for own, held in content.items():
            file.writestr(own, held)
    return other


def forged(archive: Path, name: str, change: Change) -> Path:
    """The archive with other content and hashes that fit it."""
    return edited(archive, name, change, _fit)


def _fit(content: dict[str, bytes]) -> None:
    told = json.loads(content[METADATA])
    for own in told["@graph"]:
        if own["@type"] == "File":
            held = content[unquote(own["@id"])]
            own |= {"sha256": hashlib.sha256(held).hexdigest(), "contentSize": str(len(held))}
    content[METADATA] = json.dumps(told).encode()


def test_untouched_it_passes_and_both_workers_told_what_they_read(archive: Path) -> None:
    found = check(archive, "--json").json
    assert (found["ok"], found["judged"], found["claims"]) == (True, True, 3)
    assert found["notices"] == ["the archive holds no registry: nothing says since when the claims were registered"]
    with zipfile.ZipFile(archive) as file:
        stored = [name for name in file.namelist() if name.startswith("store/") and name.endswith(".nc")]
    measured = {Path(name).parent.name for name in stored}
    assert measured >= {f"length_{name}" for name in BOUNDS}
    assert {claim for claim, _ in samples_in(archive)} == {f"long.{name}" for name in BOUNDS}


def test_what_fits_its_hashes_is_found_by_judging_again(archive: Path) -> None:
    def change(content: dict[str, bytes]) -> None:
        report = json.loads(content["report/verdicts.json"])
        next(own for own in report["claims"] if own["id"] == "long.short")["verdict"] = "supported"
        content["report/verdicts.json"] = json.dumps(report).encode()
        content["project/test_long.py"] = content["project/test_long.py"].replace(b"above(1e-3", b"above(1e-4")
        told = json.loads(content[METADATA])
        for name in [own for own in content if "length_plain" in own]:
            del content[name]
            told["@graph"] = [own for own in told["@graph"] if unquote(own["@id"]) != name]
        content[METADATA] = json.dumps(told).encode()

    found = check(forged(archive, "forged.zip", change))
    (sentence,) = found.err.splitlines()
    assert found.code == 1
    assert "long.short on tiny is supported in the archived report, and refuted when judged again" in sentence
    assert "long.long on tiny was judged by another rule than the archived claim has" in sentence
    missing = "long.plain on tiny cannot be judged again: the measurement length_plain ("
    assert missing in sentence
    assert ".nc) is missing or damaged, and nothing may be measured here" in sentence


def test_a_summary_is_counted_again(archive: Path) -> None:
    def change(content: dict[str, bytes]) -> None:
        report = json.loads(content["report/verdicts.json"])
        report["summary"]["supported"] = 99
        content["report/verdicts.json"] = json.dumps(report).encode()

    found = checking_archive(forged(archive, "counted.zip", change), None)
    assert found.problems == ("the summary in the report is not the count of its claims",)


def test_files_alone_are_checked_without_running_anything(archive: Path) -> None:
    def change(content: dict[str, bytes]) -> None:
        content["project/test_long.py"] += b"\nraise SystemExit\n"

    found = checking_archive(forged(archive, "code.zip", change), None)
    assert (found.problems, found.judged) == ((), False)


def test_paths_that_lead_out_are_refused(archive: Path) -> None:
    def change(content: dict[str, bytes]) -> None:
        told = json.loads(content["settings.json"])
        content["settings.json"] = json.dumps({**told, "files": ["../../../outside.py"]}).encode()

    with pytest.raises(SemphaseError, match="lies outside of it"):
        checking_archive(forged(archive, "out.zip", change), Again())


def _named(content: dict[str, bytes], part: str) -> str:
    return next(name for name in content if part in name)


def _flip(content: dict[str, bytes]) -> None:
    name = _named(content, "length_short/")
    content[name] = bytes([content[name][0] ^ 1]) + content[name][1:]


def _verdict(content: dict[str, bytes]) -> None:
    name = "report/verdicts.json"
    content[name] = content[name].replace(b'"verdict": "refuted"', b'"verdict": "supported"')


def _criterion(content: dict[str, bytes]) -> None:
    content["project/test_long.py"] = content["project/test_long.py"].replace(b"length > 1e-3", b"length > 1e-4")


def _drop(content: dict[str, bytes]) -> None:
    del content[_named(content, "length_short/")]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (_flip, "length_short/"),
        (_verdict, "report/verdicts.json was changed"),
        (_criterion, "project/test_long.py was changed"),
        (_drop, "is missing"),
    ],
)
def test_a_plain_edit_is_one_sentence_that_names_the_file(archive: Path, change: Change, told: str) -> None:
    found = CliRunner().invoke(app, ["check", str(edited(archive, "edited.zip", change))])
    assert isinstance(found.exception, SemphaseError)
    assert told in str(found.exception)
    assert ";" not in str(found.exception)
    assert found.stdout == ""
