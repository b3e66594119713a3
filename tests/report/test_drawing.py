"""Figures: drawn from a verdict's detail, at paths that name model, claim and figure; a plot that fails is a notice."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from matplotlib.figure import Figure

from semphase.errors import SemphaseError
from semphase.report.drawing import draw


def two_lines(detail: Mapping[str, Any]) -> Figure:
    figure = Figure()
    figure.add_subplot().plot([0, 1], detail["line"])
    return figure


def broken(detail: Mapping[str, Any]) -> Figure:
    return detail["nothing"]


DETAIL = {"line": [0.0, 1.0]}


@pytest.mark.parametrize(
    ("label", "folder"),
    [("gpt2", "gpt2"), ("a+b", "a+b"), ("org/model", "org--model"), ("", "no-model")],
)
def test_a_figure_lies_under_model_and_claim(tmp_path: Path, label: str, folder: str) -> None:
    path = f"figures/{folder}/order.high/two-lines.png"
    assert draw([two_lines], DETAIL, "order.high", label, tmp_path) == ([path], [])
    assert (tmp_path / path).read_bytes().startswith(b"\x89PNG\r\n")


def test_a_plot_that_fails_is_a_notice_and_the_others_are_drawn(tmp_path: Path) -> None:
    paths, notices = draw([broken, two_lines], DETAIL, "order.high", "gpt2", tmp_path)
    assert paths == ["figures/gpt2/order.high/two-lines.png"]
    assert notices == ["the figure broken of order.high could not be drawn: KeyError: 'nothing'"]


def test_a_disk_that_refuses_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "figures").write_text("in the way")
    with pytest.raises(SemphaseError, match=r"two-lines\.png"):
        draw([two_lines], DETAIL, "order.high", "gpt2", tmp_path)
