"""`--archive`: with --verify by itself, and never at the cost of the report."""

from __future__ import annotations

import json
import zipfile
from typing import TYPE_CHECKING

import pytest

from semphase.report.archive import report_in

if TYPE_CHECKING:
    from tests.plugin.conftest import Make

pytestmark = pytest.mark.slow
PASSING = "from stubs import test_high, test_near\n"
QUIET = "from semphase.plugin.verification import Verification\nVerification._probe = lambda self: None\n"


@pytest.mark.parametrize(
    ("options", "there"),
    [((), False), (("--archive",), True), (("--verify",), True), (("--verify", "--no-archive"), False)],
)
def test_it_comes_when_asked_for_and_with_verify(make: Make, options: tuple[str, ...], there: bool) -> None:
    project = make(PASSING)
    project.write("conftest.py", (project.folder / "conftest.py").read_text() + QUIET)
    ran = project.run(*options, width=200)
    archive = project.report / "archive.zip"
    assert archive.exists() is there
    assert ("archive: " in ran.out) is there
    if there:
        assert report_in(archive) == ran.document
        with zipfile.ZipFile(archive) as file:
            names, settings = set(file.namelist()), json.loads(file.read("settings.json"))
        figure = next(path for entry in ran.entries.values() for path in entry["figures"])
        own = {
            "project/test_it.py",
            "project/stubs.py",
            "project/conftest.py",
            "project/pytest.ini",
            f"report/{figure}",
        }
        assert own <= names
        assert settings["claims"] == ["order.high", "order.near"]
        assert (settings["files"], settings["inifile"]) == (["test_it.py"], "pytest.ini")


def test_an_older_archive_does_not_stay_with_a_newer_report(make: Make) -> None:
    project = make(PASSING)
    project.run("--archive")
    project.run()
    assert not (project.report / "archive.zip").exists()


def test_where_the_disk_refuses_there_is_a_report_and_a_sentence(make: Make) -> None:
    project = make(PASSING)
    full = """
import semphase.report.archive as archive
def _full(*_):
    raise OSError(28, "No space left on device")
archive._add = _full
"""
    project.write("conftest.py", (project.folder / "conftest.py").read_text() + full)
    ran = project.run("--archive", width=300)
    assert ran.code == 1
    assert "No space left on device); --no-archive leaves it out" in ran.out
    assert ran.document is not None
    assert sorted(path.name for path in project.report.iterdir()) == [
        "figures",
        "report.html",
        "verdicts.json",
        "verdicts.md",
    ]
