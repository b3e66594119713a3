"""Progress: quiet when short, lines without a terminal, a bar on one, nothing in a worker."""

from __future__ import annotations

import io
import time

import pytest
import rich.progress  # noqa: F401 - its import touches the global random state, which every test guards

import semphase.progress as module
from semphase.progress import progress, show_on


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)
    monkeypatch.setattr(module, "BAR_AFTER", 0.05)
    monkeypatch.setattr(module, "LINE_AFTER", 0.05)


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> io.StringIO:
    stream: io.StringIO = request.param()
    monkeypatch.setattr(module._Place, "stream", stream)
    return stream


@pytest.mark.parametrize("shown", [io.StringIO, Terminal], indirect=True)
def test_short_phases_show_nothing(shown: io.StringIO) -> None:
    with progress("heads", 3) as advance:
        advance(3)
    assert shown.getvalue() == ""


@pytest.mark.parametrize("shown", [io.StringIO], indirect=True)
def test_long_phases_print_two_lines(shown: io.StringIO) -> None:
    with progress("heads", 3) as advance:
        advance(1)
        time.sleep(0.2)
    assert shown.getvalue() == "heads …\nheads: 0 s\n"


@pytest.mark.parametrize("shown", [io.StringIO], indirect=True)
def test_long_phases_say_how_much_is_left(shown: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 10.0, 20.0, 400.0, 800.0])
    monkeypatch.setattr(module, "LINE_AFTER", 5.0)
    monkeypatch.setattr(module.time, "monotonic", lambda: next(clock))
    with progress("heads", 8) as advance:
        for _ in range(3):
            advance(1)  # at 10, 20 and 400 seconds; at 20 the last line is still fresh
    assert shown.getvalue() == "heads: 1 of 8, about 70 s left\nheads: 3 of 8, about 11 min left\nheads: 800 s\n"


@pytest.mark.parametrize("shown", [Terminal], indirect=True)
def test_a_terminal_sees_a_bar_for_each_nested_phase(shown: io.StringIO) -> None:
    with progress("outer", 2) as outer:
        time.sleep(0.2)
        outer(1)
        with progress("inner") as inner:
            inner(1)
            time.sleep(0.3)
    assert "outer" in shown.getvalue()
    assert "50%" in shown.getvalue()
    assert "inner" in shown.getvalue()
    assert module._Place.bar is None


@pytest.mark.parametrize("shown", [Terminal], indirect=True)
def test_a_phase_that_breaks_takes_its_bar_along(shown: io.StringIO) -> None:
    with pytest.raises(TypeError), progress("outer", 2) as advance:
        advance("two")  # type: ignore[arg-type]
    assert module._Place.bar is None


@pytest.mark.parametrize("shown", [io.StringIO, Terminal], indirect=True)
def test_workers_are_silent(shown: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_XDIST_WORKER", "gw0")
    with progress("heads", 3) as advance:
        advance(1)
        time.sleep(0.1)
    assert shown.getvalue() == ""


def test_the_stream_can_be_chosen() -> None:
    before, chosen = module._Place.stream, io.StringIO()
    show_on(chosen)
    try:
        with progress("heads"):
            time.sleep(0.1)
    finally:
        show_on(before)
    assert chosen.getvalue().startswith("heads …")
