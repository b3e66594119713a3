"""A report on disk: built beside its folder, then moved into place as a whole."""

from __future__ import annotations

import glob
import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from semphase.errors import SemphaseError
from semphase.files import nearest, short, try_out, write_atomically

ARCHIVE = "archive.zip"
OURS = ("verdicts.json", "verdicts.md", "report.html", "figures", ARCHIVE)


def staging_folder(out: Path, run_id: str) -> Path:
    """Where the run collects its figures until the report is complete."""
    return out.parent / f".{out.name}.{run_id}.partial"


def save(out: Path, staging: Path, files: Mapping[str, str]) -> None:
    """Write the files into `staging` and put it in place of `out`; other people's files in `out` stay.

    Raises SemphaseError where the disk refuses; `staging` is left as it is then, so that nothing is lost.
    """
    try:
        staging.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            write_atomically(staging / name, text.encode(errors="replace"))
        _swap(out, staging)
    except OSError as problem:
        raise SemphaseError(
            f"the report cannot be written to {out} ({problem.strerror or problem}); what there is lies in"
            f" {staging}, and --out chooses another folder"
        ) from problem


def check_place(out: Path, here: Path) -> None:
    """Raise SemphaseError for a folder that a report must not replace, or cannot.

    A report takes the place of `out` as a whole, so `out` must not hold the current folder `here`.
    """
    if out == here or out in here.parents:
        raise SemphaseError(f"--out {out} holds the current folder: choose a folder of its own for the report")
    try:
        present = out.exists()
        if present and not out.is_dir():
            raise SemphaseError(f"--out {out} is a file: choose a folder for the report")
        if present and out.is_mount():
            raise SemphaseError(f"--out {out} is a mounted disk, which no report can replace: choose a folder in it")
        held = [name for name in OURS if (out / name).exists()]
        if held and held[0] != OURS[0]:
            raise SemphaseError(
                f"--out {out} holds {held[0]} without a report, which a report would replace: choose a folder of its own"
            )
        staging = staging_folder(out, "0" * 12)
        try_out(nearest(staging), staging.relative_to(nearest(staging)))
        if present:
            try_out(out)
    except OSError as problem:
        reason = problem.strerror or problem
        raise SemphaseError(f"--out {short(out)} cannot be written ({reason}): choose another folder") from problem


def _swap(out: Path, staging: Path) -> None:
    for left in out.parent.glob(f".{glob.escape(out.name)}.*.old"):
        _take_back(out, left)
    if not out.exists():
        staging.rename(out)
        return
    old = staging.with_suffix(".old")
    out.rename(old)
    try:
        staging.rename(out)
    except OSError:
        old.rename(out)
        raise
    _take_back(out, old)


def _take_back(out: Path, old: Path) -> None:
    """Other people's files in the report's last folder; all of it where a run was killed before its own was in place."""
    if not out.exists():
        old.rename(out)
        return
    for foreign in list(_foreign(old)):
        target = out / foreign.relative_to(old)
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            foreign.rename(target)
    shutil.rmtree(old)


def _foreign(report: Path) -> Iterator[Path]:
    """What lies in a report's folder and is not its own: beside its files, and among its figures, which it lists."""
    yield from (own for own in report.iterdir() if own.name not in OURS)
    try:
        claims = json.loads((report / OURS[0]).read_bytes())["claims"]
        listed = {report / figure for claim in claims for figure in claim["figures"]}
    except (OSError, ValueError, TypeError, KeyError):
        return
    yield from (own for own in report.glob("figures/**/*") if own.is_file() and own not in listed)
