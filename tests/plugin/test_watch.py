"""What a run shows of itself while it runs: the claim at work, how many are done, and how much is left."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from semphase.plugin.watch import PATIENCE, Left, Planned

if TYPE_CHECKING:
    from tests.plugin.conftest import Make

PLAN = {"a": Planned("order.high", 10.0, "g"), "b": Planned("pi.low", 30.0, "g"), "c": Planned("pi.high", 60.0, "g")}


def test_before_anything_is_done_the_plan_is_what_is_left() -> None:
    assert Left(PLAN, 5.0, {}, set()).seconds(5.0) == 100.0


def test_what_is_left_goes_at_the_speed_of_what_is_done() -> None:
    # 40 of 100 planned seconds took 20, and PATIENCE seconds count as if they had taken what they should.
    left = Left(PLAN, 0.0, {}, {"a", "b"})
    assert left.seconds(20.0) == pytest.approx(60.0 * (20.0 + PATIENCE) / (40.0 + PATIENCE))
    assert left.told(20.0) == "2 of 3 claims done, about 36 s left"


def test_a_claim_at_work_counts_for_as_long_as_it_was_to_take_and_no_longer() -> None:
    left = Left(PLAN, 0.0, {"a": 0.0}, set())
    assert left.seconds(4.0) == pytest.approx(96.0)
    assert left.seconds(10.0) == pytest.approx(90.0)
    assert left.seconds(100.0) > left.seconds(50.0) > 90.0
    assert left.told(4.0) == "0 of 3 claims done, about 96 s left"


SLOW = """
import time
from stubs import *
from semphase.progress import progress
@declare("z.slow")
def test_slow(study, judge):
    with progress("heads", 4) as advance:
        advance(1)
        time.sleep(1.0)
    judge(HIGH, control=LOW)
@declare("z.later", cost="minutes")
def test_later(study, judge):
    time.sleep(0.5)
    judge(HIGH, control=LOW)
"""
SOON = """
import semphase.displays, semphase.progress
semphase.displays.FIRST = semphase.displays.EVERY = semphase.progress.EVERY = 0.1
"""


def told(text: str) -> list[str]:
    return [line for line in text.splitlines() if " claims done, about " in line]


@pytest.mark.slow
@pytest.mark.parametrize("workers", [(), ("-n", "1")], ids=["alone", "with a worker"])
def test_a_run_tells_the_claim_at_work_its_measurement_and_what_is_left(make: Make, workers: tuple[str, ...]) -> None:
    project = make(SLOW)
    project.write("soon.py", SOON)
    ran = project.run("-psoon", "--claims=z.*", "--store=kept", *workers, plugins=("xdist",) if workers else ())
    assert ran.code == 0
    lines = told(ran.err)
    assert any(
        line.startswith("0 of 2 claims done") and line.endswith("z.slow · heads: 1 of 4, about 1 s left")
        for line in lines
    )
    assert any(line.startswith("1 of 2 claims done") and line.endswith(" · z.later") for line in lines)
    known = json.loads((project.folder / "kept" / "durations-standard.json").read_text())
    assert set(known) == {"z.slow tiny", "z.later tiny"}
    assert known["z.slow tiny"]["seconds"] >= 1.0


def test_a_list_and_other_tests_show_nothing(make: Make) -> None:
    project = make(SLOW)
    project.write("soon.py", SOON)
    project.write("test_other.py", "import time\ndef test_other(): time.sleep(0.5)\n")
    assert not told(project.run("-psoon", "--collect-only", "--store=kept").err)
    assert not told(project.run("-psoon", "test_other.py", "--store=kept").err)
    assert not (project.folder / "kept").exists()
