"""Figures: drawn from a verdict's detail, at paths that name model, claim and figure; a plot that fails is a notice."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from matplotlib.figure import Figure

from semphase.errors import SemphaseError
from semphase.report import drawing


def two_lines(detail: Mapping[str, Any]) -> Figure:
    figure = Figure()
    figure.add_subplot().plot([0, 1], detail["line"])
    return figure


def other_lines(detail: Mapping[str, Any]) -> Figure:
    return two_lines(detail)


def broken(detail: Mapping[str, Any]) -> Figure:
    return detail["nothing"]


DETAIL = {"line": [0.0, 1.0]}


def draw(figures, detail, claim, label, folder):
    drawn = drawing.draw(figures, detail, claim, label, folder, folder / "kept")
    return list(drawn.images), drawn.notices


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


def png(text: bytes) -> bytes:
    """A file of parts with checksums that shows nothing."""
    parts = ((b"tEXt", text), (b"IEND", b""))
    told = [len(own).to_bytes(4) + name + own + zlib.crc32(name + own).to_bytes(4) for name, own in parts]
    return drawing.SIGNATURE + b"".join(told)


@pytest.mark.parametrize("damage", ["bit", "cut", "more", "empty"])
def test_a_damaged_image_is_drawn_again(tmp_path: Path, damage: str) -> None:
    kept, shown = tmp_path / "kept", tmp_path / "shown"
    drawn = drawing.draw([two_lines], DETAIL, "order.high", "gpt2", shown, kept)
    (path,) = kept.iterdir()
    whole = path.read_bytes()
    flipped = whole[:500] + bytes([whole[500] ^ 4]) + whole[501:]
    path.write_bytes({"bit": flipped, "cut": whole[:-20], "more": whole + b"x", "empty": b""}[damage])
    assert not drawing.drawn_before(drawn.images, tmp_path / "again", kept)
    drawing.draw([two_lines], DETAIL, "order.high", "gpt2", shown, kept)
    assert path.read_bytes() == whole
    assert drawing.drawn_before(drawn.images, tmp_path / "again", kept)


def test_an_image_is_drawn_once_for_what_it_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = []

    def counted(figure: Any, caption: str) -> bytes:
        drawn.append(caption)
        return png(f"image {len(drawn)}".encode())

    monkeypatch.setattr(drawing, "_image", counted)

    def image(figure: drawing.Drawing, detail: Mapping[str, Any], claim: str, label: str) -> bytes:
        paths, notices = draw([figure], detail, claim, label, tmp_path)
        assert not notices
        return (tmp_path / paths[0]).read_bytes()

    first = image(two_lines, DETAIL, "order.high", "gpt2")
    assert image(two_lines, dict(DETAIL), "order.high", "gpt2") == first
    others = [
        image(two_lines, {"line": [0.0, 2.0]}, "order.high", "gpt2"),
        image(two_lines, DETAIL, "order.low", "gpt2"),
        image(two_lines, DETAIL, "order.high", "tiny"),
        image(other_lines, DETAIL, "order.high", "gpt2"),
    ]
    monkeypatch.setattr(drawing, "own_sources", lambda: "semphase has changed")
    others.append(image(two_lines, DETAIL, "order.high", "gpt2"))
    assert len({first, *others}) == 1 + len(others)


def test_a_drawing_without_a_source_is_drawn_each_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: dict[str, Any] = {"Figure": Figure}
    exec("def unread(detail):\n    return Figure()\n", made)
    assert draw([made["unread"]], DETAIL, "order.high", "gpt2", tmp_path)[1] == []
    assert not list((tmp_path / "kept").glob("*"))
