"""Places that cannot be written or looked at: a sentence before anything is measured, or another way.

The tests run as root in many containers, whom permissions do not stop: places lie below a regular file, or the system call
is made to fail.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import datasets
import pyarrow as pa
import pyarrow.parquet as parquet
import pytest
from gguf_files import write_gguf

from semphase.data.corpus import sources
from semphase.data.corpus.written_once import written_once
from semphase.errors import SemphaseError
from semphase.models import integrity
from semphase.models.locate import locate
from semphase.models.size import size_class
from semphase.plugin.collect import short_name
from semphase.report.save import check_place
from semphase.store import Store
from semphase.study import RunSettings, check_settings

if TYPE_CHECKING:
    from tests.projects import Make, Project

LONG = "x" * 300
"""A name that no disk takes."""


@pytest.fixture
def below(tmp_path: Path) -> Path:
    """A place below a regular file, where nobody can write."""
    (tmp_path / "file").write_text("")
    return tmp_path / "file" / "folder"


@pytest.fixture
def full(monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that takes names and no bytes."""

    def refuse(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", refuse)


def sentence(call: Callable[[], object]) -> str:
    with pytest.raises(SemphaseError) as caught:
        call()
    assert "\n" not in str(caught.value)
    return str(caught.value)


# The user's cache


def test_weights_that_must_be_converted_without_a_cache_are_refused(loaded, below, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(below))
    original = write_gguf(loaded("llama"), tmp_path / "small.gguf")
    settings = RunSettings((str(original),), "cpu", None, (), "quick", tmp_path, tmp_path / "store", 0, "float32", None)
    told = sentence(lambda: check_settings(settings, {str(original): ()}))
    assert told.startswith(f"weights cannot be kept in {below}/semphase/gguf (Not a directory)")
    assert "set XDG_CACHE_HOME" in told


def test_a_corpus_from_the_hub_s_cache_needs_no_other_cache(below, tmp_path, monkeypatch):
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", str(below))
    parquet.write_table(pa.table({"text": ["one", "two"], "other": [1, 2]}), tmp_path / "rows.parquet")
    assert list(sources._rows([tmp_path / "rows.parquet"], "text")["text"]) == ["one", "two"]


def test_a_generated_corpus_needs_no_cache(below, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(below))
    assert written_once("mine", lambda: "a text") == "a text"


@pytest.mark.slow
def test_claims_are_judged_and_drawn_without_a_place_for_what_is_kept(make: Make) -> None:
    project = make()
    project.folder.with_name(f"{project.folder.name}-cache").write_text("in the way of the default store")
    ran = project.run("--claims=order.high", "--claims=audit.table")
    assert ran.code == 0, ran.out + ran.err
    assert {name: own["outcome"] for name, own in ran.entries.items()} == {
        "order.high": "passed",
        "audit.table": "passed",
    }
    assert (project.report / ran.entries["order.high"]["figures"][0]).read_bytes().startswith(b"\x89PNG")


# Models that nobody may look at


@pytest.mark.parametrize("name", [LONG, f"./{LONG}.gguf", f"{LONG}/model", "~nobodyhere/model.gguf", "/proc/1/mem/x"])
def test_names_that_no_disk_takes_are_names_like_others(name):
    assert size_class(name) is None
    assert short_name(name) in (name, LONG, "model")
    assert sentence(lambda: locate(name)).startswith(("there is no model", f"{LONG}/model is not in the cache"))


def test_weights_that_may_not_be_read_are_named(tmp_path, monkeypatch):
    def refuse(files: list[Path]) -> str:
        raise PermissionError(13, "Permission denied", str(files[0]))

    monkeypatch.setattr(integrity, "sha256", refuse)
    (tmp_path / "secret.gguf").write_bytes(b"GGUF")
    told = sentence(lambda: locate(str(tmp_path / "secret.gguf")))
    assert told == (f"the weights of {tmp_path}/secret.gguf cannot be read (Permission denied: {tmp_path}/secret.gguf)")


# --out, --store and the record


@pytest.mark.parametrize(
    ("out", "reason"),
    [
        ("file", "is a file"),
        ("file/report", "Not a directory"),
        ("file/deep/report", "Not a directory"),
        (LONG, "File name too long"),
        (f"deep/{LONG}/report", "File name too long"),
        (f"deep/{LONG[:250]}", "File name too long"),  # of the folder where the report is made
        ("/proc/nowhere/report", "No such file or directory"),
    ],
)
def test_a_report_s_place_is_tried_out(below, tmp_path, out, reason):
    before = sorted(tmp_path.rglob("*"))
    assert reason in sentence(lambda: check_place(tmp_path / out, Path("/somewhere")))
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("out", ["report", "new/report"])
def test_a_full_disk_is_noticed_at_the_start(tmp_path, full, out):
    (tmp_path / "report").mkdir()
    assert "No space left on device" in sentence(lambda: check_place(tmp_path / out, Path("/somewhere")))
    told = sentence(Store(tmp_path / "store").require_usable)
    assert "No space left" in told
    assert "free some space" in told
    assert not list((tmp_path / "report").iterdir())


def test_a_mounted_disk_cannot_be_replaced_but_a_folder_in_it_can(tmp_path, monkeypatch):
    monkeypatch.setattr(Path, "is_mount", lambda own: own == tmp_path)
    assert "choose a folder in it" in sentence(lambda: check_place(tmp_path, Path("/somewhere")))
    check_place(tmp_path / "report", Path("/somewhere"))
    assert not list(tmp_path.iterdir())


def test_a_store_s_place_is_tried_out(below, tmp_path):
    for place in (below, below.parent, tmp_path / LONG):
        assert "choose another with --store" in sentence(Store(place).require_usable)
    Store(tmp_path / "new").require_usable()
    assert not list((tmp_path / "new").iterdir())


@pytest.fixture(scope="module")
def project(make: Make) -> Project:
    made = make()
    made.write("file", "")
    made.write("fixtures", "in the way of the record")
    return made


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--out=/proc/nowhere/report",), "ERROR: --out /proc/nowhere/report cannot be written"),
        (("--claims=audit.*", "--store=file/store"), "choose another with --store"),
        (("--claims=order.high", "--accept"), "(Not a directory): leave out --accept"),
    ],
)
@pytest.mark.slow
def test_nothing_is_measured_for_a_place_that_takes_nothing(
    project: Project, options: tuple[str, ...], said: str
) -> None:
    ran = project.run(*options)
    assert ran.code == 4
    assert said in ran.err
    assert len(ran.err.strip().splitlines()) == 1
    assert not project.opened
    assert not project.report.exists()


@pytest.mark.slow
def test_a_model_s_name_that_no_disk_takes_is_refused_as_any_other(project: Project) -> None:
    ran = project.run(f"--model={LONG}", "--claims=order.high")
    assert (ran.code, "INTERNALERROR" in ran.out, "Traceback" in ran.err) == (4, False, False)
    assert "argument --model" in ran.err


def test_settings_name_what_cannot_be_used_first(tmp_path, below):
    settings = RunSettings(("tiny",), "cpu", None, (), "quick", tmp_path, below, 0, "float32", None)
    assert "--store" in sentence(lambda: check_settings(settings, {"tiny": ()}))
    check_settings(replace(settings, store=tmp_path / "store"), {"tiny": ()})
