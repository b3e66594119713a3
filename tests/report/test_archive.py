"""An archive: RO-Crate by the specification and by its own library, whole or not there, and no edit goes unseen."""

from __future__ import annotations

import hashlib
import json
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from semphase.errors import SemphaseError
from semphase.report.archive import (
    archived_beside,
    is_archive,
    report_in,
    samples_form,
    samples_in,
    unpack,
    write_archive,
)
from semphase.report.crate import METADATA
from semphase.report.json_report import to_json

ODD = "report/figures/gpt2/σ of ü 100%.png"


@pytest.fixture
def archive(tmp_path: Path, document: Any) -> Path:
    measured = tmp_path / "measured.nc"
    measured.write_bytes(bytes(range(256)) * 100)
    path = tmp_path / "run" / "archive.zip"
    contents = {
        "report/verdicts.json": to_json(document).encode(), "store/format-1/a/b.nc": measured, ODD: b"png",
        "project/claims/test_a.py": b"# a claim\n", "samples.json": samples_form({("a.b", None): [[1.0, -1.0]]}),
    }  # fmt: skip
    write_archive(path, document, contents)
    return path


def graph(path: Path) -> dict[str, Any]:
    with zipfile.ZipFile(path) as file:
        found = json.loads(file.read(METADATA))
    return {own["@id"]: own for own in found["@graph"]}


def rewritten(path: Path, change: Callable[[dict[str, bytes]], None]) -> Path:
    """The archive with other content, and none of its hashes made anew."""
    with zipfile.ZipFile(path) as file:
        content = {name: file.read(name) for name in file.namelist()}
    change(content)
    other = path.with_name("other.zip")
    with zipfile.ZipFile(other, "w") as file:
        for name, own in content.items():
            file.writestr(name, own)
    return other


def test_the_metadata_keep_the_specification(archive: Path) -> None:
    """The MUSTs of RO-Crate 1.1: descriptor, root, data entities, references."""
    entities = graph(archive)
    descriptor, root = entities[METADATA], entities["./"]
    assert descriptor["@type"] == "CreativeWork"
    assert descriptor["about"] == {"@id": "./"}
    assert descriptor["conformsTo"] == {"@id": "https://w3id.org/ro/crate/1.1"}
    assert root["@type"] == "Dataset"
    assert re.match(r"\d{4}-\d\d-\d\d", root["datePublished"])
    assert all(root[key] for key in ("name", "description", "license"))
    files = {own["@id"] for own in entities.values() if own["@type"] == "File"}
    assert {own["@id"] for own in root["hasPart"]} == files
    with zipfile.ZipFile(archive) as file:
        assert {unquote(name) for name in files} == {*file.namelist()} - {METADATA}
    for own in entities.values():
        assert own["@type"]
        for value in own.values():
            for each in value if isinstance(value, list) else [value]:
                if isinstance(each, dict):
                    assert set(each) == {"@id"}
                    assert each["@id"] in entities or each["@id"].startswith("https://w3id.org/ro/crate/")
    assert not any(re.search(r"[ %]{2}|[^\x21-\x7e]", name) for name in entities)


def test_its_own_library_reads_it(archive: Path) -> None:
    rocrate = pytest.importorskip("rocrate.rocrate")
    crate = rocrate.ROCrate(str(archive))
    assert {unquote(own.id) for own in crate.get_by_type("File")} >= {
        "report/verdicts.json",
        "store/format-1/a/b.nc",
        ODD,
    }
    measured = crate.get("store/format-1/a/b.nc")
    assert measured["sha256"] == hashlib.sha256(bytes(range(256)) * 100).hexdigest()
    assert (measured["contentSize"], measured["encodingFormat"]) == ("25600", "application/netcdf")
    (run,) = crate.get_by_type("CreateAction")
    assert run["instrument"]["name"] == "semphase"
    assert [model["name"] for model in run["object"]] == ["gpt2"]


def test_what_went_in_comes_out(archive: Path, document: Any, tmp_path: Path) -> None:
    assert is_archive(archive)
    assert archived_beside(archive.parent) == archive
    assert report_in(archive) == json.loads(to_json(document))
    assert samples_in(archive)["a.b", None][0].tolist() == [1.0, -1.0]
    folder = tmp_path / "out"
    assert unpack(archive, folder) == []
    assert (folder / "store/format-1/a/b.nc").read_bytes() == (tmp_path / "measured.nc").read_bytes()
    assert (folder / ODD).read_bytes() == b"png"


def test_the_same_content_makes_the_same_bytes(archive: Path, document: Any) -> None:
    def packed(name: str) -> str:
        contents = {"b": b"2", "a": b"1"}
        return write_archive(archive.with_name(name), document, contents).sha256

    assert packed("x.zip") == packed("y.zip")
    found = write_archive(archive.with_name("z.zip"), document, {"a": b"1"})
    assert (found.files, found.size) == (1, archive.with_name("z.zip").stat().st_size)
    assert found.sha256 == hashlib.sha256(archive.with_name("z.zip").read_bytes()).hexdigest()


def test_it_is_whole_or_not_there(tmp_path: Path, document: Any) -> None:
    with pytest.raises(SemphaseError, match=r"gone\.nc: No such file"):
        write_archive(tmp_path / "archive.zip", document, {"a": b"1", "store/gone.nc": tmp_path / "gone.nc"})
    assert list(tmp_path.iterdir()) == []


def _flip(content: dict[str, bytes]) -> None:
    name = "store/format-1/a/b.nc"
    content[name] = content[name][:-1] + b"?"


def _edit(content: dict[str, bytes]) -> None:
    content["report/verdicts.json"] = content["report/verdicts.json"].replace(b'"refuted"', b'"supported"')


def _drop(content: dict[str, bytes]) -> None:
    del content["project/claims/test_a.py"]


def _add(content: dict[str, bytes]) -> None:
    content["project/conftest.py"] = b"import os"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (_flip, "store/format-1/a/b.nc was changed: its SHA-256 is not the one in ro-crate-metadata.json"),
        (_edit, "report/verdicts.json was changed: its SHA-256 is not the one in ro-crate-metadata.json"),
        (_drop, "project/claims/test_a.py is missing"),
        (_add, "project/conftest.py was added: ro-crate-metadata.json does not name it"),
    ],
)
@pytest.mark.parametrize("form", ["zip", "folder"])
def test_every_edit_is_named(archive: Path, tmp_path: Path, change: Any, told: str, form: str) -> None:
    other = rewritten(archive, change)
    if form == "folder":
        with zipfile.ZipFile(other) as file:
            file.extractall(tmp_path / "unpacked")
        other = tmp_path / "unpacked"
    assert is_archive(other)
    assert unpack(other, tmp_path / "out") == [told]
    if change is _add:
        assert not (tmp_path / "out/project/conftest.py").exists()


def test_a_flipped_byte_of_the_file_itself_is_named(archive: Path, tmp_path: Path) -> None:
    content = bytearray(archive.read_bytes())
    content[content.index(bytes(range(256))) + 7] ^= 1
    archive.write_bytes(content)
    (told,) = unpack(archive, tmp_path / "out")
    assert told.startswith("store/format-1/a/b.nc is damaged")


@pytest.mark.parametrize(
    ("told", "why"),
    [
        (b"{", "is broken"),
        (b"[]", "is broken"),
        (b'{"@graph": [{"@id": "a", "@type": "File"}]}', "is broken"),
        (b'{"@graph": [{"@id": "a", "@type": "File", "contentSize": "1", "sha256": "x"}]}', "no SHA-256 of a"),
        (b'{"@graph": []}', "names no file"),
    ],
)
def test_broken_metadata_are_refused(archive: Path, tmp_path: Path, told: bytes, why: str) -> None:
    other = rewritten(archive, lambda content: content.update({METADATA: told}))
    with pytest.raises(SemphaseError, match=why):
        unpack(other, tmp_path / "out")


@pytest.mark.parametrize("name", ["../outside.txt", "/outside.txt", "project/../../outside.txt"])
def test_nothing_is_written_outside(tmp_path: Path, document: Any, name: str) -> None:
    path = tmp_path / "archive.zip"
    write_archive(path, document, {name: b"1"})
    assert unpack(path, tmp_path / "deep" / "out") == [f"{name} lies outside the archive"]
    assert not list(tmp_path.rglob("outside.txt"))


def test_what_is_no_archive_is_refused(tmp_path: Path) -> None:
    plain = tmp_path / "plain.zip"
    with zipfile.ZipFile(plain, "w") as file:
        file.writestr("a", "b")
    with pytest.raises(SemphaseError, match=r"is no archive of a run: it has no ro-crate-metadata\.json"):
        unpack(plain, tmp_path / "out")
    assert not is_archive(tmp_path)
    (tmp_path / "registry.jsonl").write_bytes(b"{}")
    assert not is_archive(tmp_path / "registry.jsonl")
    (tmp_path / "cut.zip").write_bytes(plain.read_bytes()[:40])
    assert is_archive(tmp_path / "cut.zip")  # by its name, so that it is told to be cut
