"""`semphase render`: the reports for people, from a stored one."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from command import Run, entry

Report = Callable[..., Path]
FILES = ["report.html", "verdicts.md"]


@pytest.fixture(autouse=True)
def place(report: Report) -> Path:
    told = entry()
    told["figures"] = ["figures/gpt2/line.png", "figures/gpt2/gone.png"]
    place = report("out", told, entry("tiny"))
    (place / "figures" / "gpt2").mkdir(parents=True)
    (place / "figures" / "gpt2" / "line.png").write_bytes(b"\x89PNG")
    return place


def test_both_reports_are_written_with_the_figures(run: Run, folder: Path, place: Path) -> None:
    before = (place / "verdicts.json").read_bytes()
    assert run("render", "out").out.splitlines() == [f"wrote out/{name}" for name in FILES]
    page = (place / "report.html").read_text(encoding="utf-8")
    assert page.count("data:image/png;base64,iVBORw==") == 1
    assert "gone.png" not in page
    assert (place / "verdicts.md").read_text(encoding="utf-8").startswith("**1 claim on gpt2: 2 found**")
    assert (place / "verdicts.json").read_bytes() == before


def test_another_folder_takes_them(run: Run, folder: Path, place: Path) -> None:
    told = run("render", "out/verdicts.json", "--out", "other", "--json").json
    assert told == {"files": [f"other/{name}" for name in FILES]}
    assert sorted(path.name for path in (folder / "other").iterdir()) == FILES
    assert "iVBORw==" in (folder / "other" / "report.html").read_text(encoding="utf-8")
    assert not (place / "report.html").exists()


def test_what_cannot_be_read_or_written_is_told(run: Run, folder: Path, place: Path) -> None:
    assert run("render", "nowhere").refusal.startswith("there is no report to read at nowhere")
    assert run("render", "out", "--out", "test_a.py").refusal.startswith(
        "the report test_a.py/report.html cannot be written"
    )
    document = json.loads((place / "verdicts.json").read_text())
    del document["claims"][0]["seconds"]
    (place / "verdicts.json").write_text(json.dumps(document))
    assert "lacks seconds" in run("render", "out").refusal
    assert not (place / "report.html").exists()
