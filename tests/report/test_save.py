"""Reports on disk: whole or not at all, and nobody else's files touched."""

from __future__ import annotations

from pathlib import Path

import pytest

from semphase.errors import SemphaseError
from semphase.files import write_atomically
from semphase.report.save import check_place, save, staging_folder


def test_a_report_appears_as_a_whole(tmp_path: Path) -> None:
    out = tmp_path / "deep" / "report"
    staging = staging_folder(out, "run")
    save(out, staging, {"verdicts.json": "{}", "verdicts.md": "# é"})
    assert (out / "verdicts.md").read_text(encoding="utf-8") == "# é"
    assert list(out.parent.iterdir()) == [out]


def test_a_report_replaces_the_old_one_but_no_foreign_file(tmp_path: Path) -> None:
    out = tmp_path / "report"
    staging = staging_folder(out, "one")
    write_atomically(staging / "figures/a/old.png", b"old")
    save(out, staging, {"verdicts.json": "1"})
    (out / "mine").mkdir()
    (out / "mine/notes.txt").write_text("keep")
    staging = staging_folder(out, "two")
    write_atomically(staging / "figures/a/new.png", b"new")
    save(out, staging, {"verdicts.json": "2"})
    assert sorted(path.name for path in (out / "figures/a").iterdir()) == ["new.png"]
    assert (out / "verdicts.json").read_text() == "2"
    assert (out / "mine/notes.txt").read_text() == "keep"
    assert list(tmp_path.iterdir()) == [out]


def test_a_failed_save_says_where_the_report_lies(tmp_path: Path) -> None:
    (tmp_path / "reports").mkdir()
    out = tmp_path / "reports" / "latest"
    staging = staging_folder(out, "run")
    save(out, staging, {"verdicts.json": "old"})
    (staging / "verdicts.json").mkdir(parents=True)
    with pytest.raises(SemphaseError, match=r"cannot be written to .*latest .*\.latest\.run\.partial"):
        save(out, staging, {"verdicts.json": "new"})
    assert (out / "verdicts.json").read_text() == "old"


def test_the_old_report_comes_back_if_the_new_cannot_take_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "report"
    save(out, staging_folder(out, "one"), {"verdicts.json": "old"})
    staging, rename = staging_folder(out, "two"), Path.rename

    def refusing(path: Path, target: Path) -> Path:
        if path == staging:
            raise PermissionError(13, "Permission denied")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", refusing)
    with pytest.raises(SemphaseError, match="Permission denied"):
        save(out, staging, {"verdicts.json": "new"})
    assert (out / "verdicts.json").read_text() == "old"
    assert (staging / "verdicts.json").read_text() == "new"


def test_places_that_a_report_must_not_take(tmp_path: Path) -> None:
    here = tmp_path / "project" / "inner"
    here.mkdir(parents=True)
    (here / "file").write_text("")
    check_place(here / "reports" / "latest", here)
    for out, reason in (
        (here, "holds the current folder"),
        (tmp_path, "holds the current folder"),
        (here / "file", "is a file"),
        (here / "file" / "report", r"cannot be written \(Not a directory\)"),
    ):
        with pytest.raises(SemphaseError, match=reason):
            check_place(out, here)


def test_other_people_s_figures_stay_among_those_of_the_report(tmp_path: Path) -> None:
    out = tmp_path / "paper"
    told = '{"claims": [{"figures": ["figures/tiny/a.b/drawn.png"]}]}'
    staging = staging_folder(out, "one")
    write_atomically(staging / "figures/tiny/a.b/drawn.png", b"old")
    save(out, staging, {"verdicts.json": told})
    write_atomically(out / "figures/fig1.pdf", b"mine")
    save(out, staging_folder(out, "two"), {"verdicts.json": '{"claims": []}'})
    assert [path.relative_to(out).as_posix() for path in out.glob("figures/**/*")] == ["figures/fig1.pdf"]
    assert (out / "figures/fig1.pdf").read_bytes() == b"mine"


@pytest.mark.parametrize("name", ["figures", "report.html", "archive.zip", "verdicts.md"])
def test_a_folder_with_what_a_report_would_replace_is_refused(tmp_path: Path, name: str) -> None:
    out = tmp_path / "paper"
    (out / name).mkdir(parents=True)
    with pytest.raises(SemphaseError, match=f"holds {name} without a report"):
        check_place(out, tmp_path)
    (out / "verdicts.json").write_text("{}")
    check_place(out, tmp_path)
