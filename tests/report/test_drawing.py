"""Figures: drawn once for each study, at paths that name no user."""

from __future__ import annotations

import sys
import types
from pathlib import Path

import pytest
from matplotlib.figure import Figure

from semphase.errors import SemphaseError
from semphase.report.drawing import draw


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    calls: list[str] = []

    def line(study: types.SimpleNamespace) -> Figure:
        calls.append(study.label)
        figure = Figure()
        figure.add_subplot().plot([0, 1], [0, 1])
        return figure

    monkeypatch.setitem(sys.modules, "semphase.science.lexical.figures", types.SimpleNamespace(MAKERS={"line": line}))
    return calls


@pytest.mark.parametrize(
    ("label", "folder"),
    [("gpt2", "gpt2"), ("a+b", "a+b"), ("org/model", "org--model"), ("", "no-model")],
)
def test_each_figure_is_drawn_once_for_a_study(tmp_path: Path, drawn: list[str], label: str, folder: str) -> None:
    study = types.SimpleNamespace(label=label)
    assert draw(["line"], study, tmp_path) == [f"figures/{folder}/line.png"]
    assert draw(["line"], study, tmp_path) == [f"figures/{folder}/line.png"]
    assert (tmp_path / f"figures/{folder}/line.png").read_bytes().startswith(b"\x89PNG\r\n")
    assert drawn == [label]


def test_an_unknown_figure_is_refused(tmp_path: Path, drawn: list[str]) -> None:
    with pytest.raises(SemphaseError, match="nobody draws a figure 'curve'"):
        draw(["curve"], types.SimpleNamespace(label="gpt2"), tmp_path)


def test_a_disk_that_refuses_is_an_error(tmp_path: Path, drawn: list[str]) -> None:
    (tmp_path / "figures").write_text("in the way")
    with pytest.raises(SemphaseError, match=r"line\.png cannot be written"):
        draw(["line"], types.SimpleNamespace(label="gpt2"), tmp_path)
