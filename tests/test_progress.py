"""Progress: what is under way is looked at every second, by whoever shows it; workers of others are silent."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

import semphase.progress as module
from semphase.progress import Phase, progress, showing, spoken


class Seen:
    """A display that keeps what it was shown."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.cleared = 0

    def show(self, text: str) -> None:
        self.texts.append(text)

    def clear(self) -> None:
        self.cleared += 1

    @contextmanager
    def hidden(self) -> Iterator[None]:
        yield

    def wait(self, text: str) -> None:
        """Until this was shown; a test that waits in vain fails."""
        end = time.monotonic() + 30
        while text not in self.texts:
            assert time.monotonic() < end, self.texts
            time.sleep(0.01)


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)
    monkeypatch.setattr(module, "EVERY", 0.01)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [0.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    return now


def test_a_phase_says_how_much_of_it_is_left(clock: list[float]) -> None:
    phase = Phase("heads", 8)
    assert str(phase) == "heads"
    phase.advance(1)
    clock[0] = 10.0
    assert str(phase) == "heads: 1 of 8, about 70 s left"
    phase.advance(2)
    clock[0] = 400.0
    assert str(phase) == "heads: 3 of 8, about 11 min left"
    phase.advance(5)
    assert str(phase) == "heads: 8 of 8"


def test_a_phase_of_unknown_length_has_its_name_alone() -> None:
    phase = Phase("fetching", None)
    phase.advance(3)
    assert str(phase) == "fetching"


@pytest.mark.parametrize(("seconds", "told"), [(0.2, "about 0 s"), (99.0, "about 99 s"), (150.0, "about 2 min")])
def test_times_are_rounded_as_guesses_are(seconds: float, told: str) -> None:
    assert spoken(seconds) == told


def test_who_shows_sees_the_headline_and_every_phase_under_way() -> None:
    seen = Seen()
    with showing(seen, lambda: "linear.cost"):
        seen.wait("linear.cost")
        with progress("outer"), progress("inner"):
            seen.wait("linear.cost · outer · inner")
        end = len(seen.texts)
        seen.wait("linear.cost")
    assert "linear.cost · outer · inner" not in seen.texts[end + 1 :]
    assert seen.cleared == 1


def test_a_phase_that_breaks_is_over() -> None:
    seen = Seen()
    with showing(seen, lambda: "claim"):
        with pytest.raises(ZeroDivisionError), progress("broken"):
            _ = 1 / 0
        assert not module._Board.phases


def test_without_somebody_who_shows_a_phase_is_shown_on_standard_error(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = Seen()
    monkeypatch.setattr(module, "display_on", lambda stream: seen)
    with progress("alone"):
        seen.wait("alone")
    assert seen.cleared == 1


def test_a_worker_leaves_its_controllers_standard_error_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_XDIST_WORKER", "gw0")
    stream = io.StringIO()
    monkeypatch.setattr(module.sys, "stderr", stream)
    monkeypatch.setattr("semphase.displays.FIRST", 0.0)
    with progress("quiet"):
        time.sleep(0.1)
    assert stream.getvalue() == ""
