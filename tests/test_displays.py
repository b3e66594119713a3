"""Displays: a line that leaves a terminal as it was, lines that come less and less often, a note for another process."""

from __future__ import annotations

import io
import itertools
import re
from pathlib import Path

import pytest

import semphase.displays as module
from semphase.displays import Below, Lines, Note, display_on


class Terminal(io.StringIO):
    """As much of a terminal as the displays need: rows of characters, a cursor, and three commands."""

    def isatty(self) -> bool:
        return True

    def screen(self) -> tuple[list[str], tuple[int, int]]:
        """The rows and where the cursor stands, after all that was written."""
        rows, row, column = [""], 0, 0
        for part in re.findall(r"\x1b\[\d*[AGK]|.|\n|\r", self.getvalue()):
            if part == "\n":
                row += 1
                rows += [""] * (row + 1 - len(rows))
            elif part == "\r":
                column = 0
            elif part == "\x1b[A":
                row -= 1
            elif part.endswith("G"):
                column = int(part[2:-1]) - 1
            elif part == "\x1b[2K":
                rows[row] = ""
            else:
                rows[row] = rows[row][:column].ljust(column) + part + rows[row][column + 1 :]
                column += 1
        return [line.rstrip() for line in rows], (row, column)


def test_a_stream_gets_the_display_that_suits_it() -> None:
    assert isinstance(display_on(Terminal()), Below)
    assert isinstance(display_on(io.StringIO()), Lines)


def test_a_line_stands_below_the_dots_and_the_dots_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    terminal, column = Terminal("..x"), 3
    terminal.seek(0, io.SEEK_END)
    display = Below(terminal, lambda: column)
    display.show("the first claim, which is long")
    assert terminal.screen() == (["..x", "the first claim, wh"], (0, 3))
    display.show("second")
    assert terminal.screen() == (["..x", "second"], (0, 3))
    with display.hidden():
        assert terminal.screen() == (["..x", ""], (0, 3))
        terminal.write(".")
        column = 4
    display.show("third")
    assert terminal.screen() == (["..x.", "third"], (0, 4))
    display.clear()
    assert terminal.screen() == (["..x.", ""], (0, 4))


def test_at_the_left_edge_the_line_is_the_cursors_own() -> None:
    terminal = Terminal()
    display = Below(terminal, lambda: 0)
    display.show("fetching")
    assert terminal.screen() == (["fetching"], (0, 0))
    display.show("")
    assert terminal.screen() == ([""], (0, 0))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [0.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    return now


def shown_at(display: Lines, stream: io.StringIO, clock: list[float], seconds: int) -> list[int]:
    """At which of so many seconds a line comes."""
    found = []
    for second in range(seconds):
        clock[0], before = float(second), len(stream.getvalue())
        display.show("at work")
        if len(stream.getvalue()) > before:
            found.append(second)
    return found


def test_lines_come_after_five_seconds_then_every_ten_and_later_less_often(clock: list[float]) -> None:
    stream = io.StringIO()
    seconds = shown_at(Lines(stream, lambda: 0), stream, clock, 3600)
    assert seconds[:3] == [5, 15, 25]
    gaps = {late - early for early, late in itertools.pairwise(seconds) if early > 1800}
    assert min(gaps) >= 90
    assert stream.getvalue().splitlines() == ["at work"] * len(seconds)


def test_short_work_and_nothing_at_work_write_nothing(clock: list[float]) -> None:
    stream = io.StringIO()
    display = Lines(stream, lambda: 0)
    display.show("at work")
    clock[0] = 100.0
    display.show("")
    assert stream.getvalue() == ""


def test_a_line_does_not_continue_the_dots(clock: list[float]) -> None:
    stream = io.StringIO()
    display = Lines(stream, lambda: 7)
    clock[0] = 5.0
    display.show("at work")
    assert stream.getvalue() == "\nat work\n"


def test_a_note_holds_the_last_text(tmp_path: Path) -> None:
    note = Note(tmp_path / "gw0")
    note.show("größte")
    assert (tmp_path / "gw0").read_text(encoding="utf-8") == "größte"
    note.clear()
    assert (tmp_path / "gw0").read_text(encoding="utf-8") == ""
    assert [path.name for path in tmp_path.iterdir()] == ["gw0"]
