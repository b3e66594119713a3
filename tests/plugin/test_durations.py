"""How long claims took: kept by budget beside the measurements, and never in the way."""

from __future__ import annotations

from pathlib import Path

import pytest

from semphase.plugin.durations import Duration, name_of, read, write

LONG, SHORT = Duration(12.0, 11.5), Duration(0.25, 0.0)


def test_a_later_run_replaces_what_it_judged_and_keeps_the_rest(tmp_path: Path) -> None:
    write(tmp_path, "quick", {"order.high tiny": LONG, "pi.low tiny": SHORT})
    write(tmp_path, "quick", {"order.high tiny": SHORT})
    assert read(tmp_path, "quick") == {"order.high tiny": SHORT, "pi.low tiny": SHORT}
    assert read(tmp_path, "full") == {}


def test_again_a_claim_takes_what_was_no_measurement() -> None:
    assert LONG.again == 0.5
    assert Duration(1.0, 1.2).again == 0.0


def test_a_verdict_is_kept_under_the_circumstances_of_its_run_alone() -> None:
    kept = Duration(12.0, 11.5, "these")
    assert kept.is_kept("these")
    assert not kept.is_kept("others")
    assert not Duration(12.0, 11.5).is_kept("")


@pytest.mark.parametrize("content", ["", "[]", "{", '{"order.high tiny": 3}', '{"order.high tiny": {"seconds": 3}}'])
def test_a_file_that_says_something_else_says_nothing(tmp_path: Path, content: str) -> None:
    (tmp_path / "durations-quick.json").write_text(content)
    assert read(tmp_path, "quick") == {}


def test_a_disk_that_refuses_stops_nobody(tmp_path: Path) -> None:
    (tmp_path / "store").write_text("in the way")
    write(tmp_path / "store", "quick", {"order.high tiny": LONG})
    assert read(tmp_path / "store", "quick") == {}


def test_a_claim_without_a_model_has_its_id_alone() -> None:
    assert name_of("audit.sums", None) == name_of("audit.sums", "") == "audit.sums"
    assert name_of("order.high", "a+b") == "order.high a+b"
