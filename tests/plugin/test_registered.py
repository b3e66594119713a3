"""A run says of every claim whether it is registered, and what the registry looked like."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pytest

from semphase.verdict import Claim, above
from semphase.verdict.registration import register
from semphase.verdict.registry import Registry, read

if TYPE_CHECKING:
    from tests.plugin.conftest import Make, Project

HIGH = Claim("order.high", "order.high holds", "x > 0", (above(0.0),), "mean", "001 exp1", "random direction")
LOW = dataclasses.replace(HIGH, id="order.low", statement="it was something else")
CHOSEN = ("--semphase-claims=order.high", "--semphase-claims=order.low", "--semphase-claims=order.near")


def registered(make: Make) -> tuple[Project, Registry]:
    project = make()
    register([HIGH, LOW], project.folder / "registry.jsonl")
    return project, read(project.folder / "registry.jsonl")


@pytest.mark.parametrize("workers", [(), ("-n2",)])
def test_every_kind_of_status_stands_in_every_report(make: Make, workers: tuple[str, ...]) -> None:
    project, known = registered(make)
    ran = project.run(*CHOSEN, *workers, width=160, plugins=("xdist",) if workers else ())
    assert ran.document is not None
    day = known.lines[0].date
    told = {name: entry["registration"] for name, entry in ran.entries.items()}
    assert told == {
        "order.high": {"status": "registered", "date": day},
        "order.low": {"status": "changed", "date": day},
        "order.near": {"status": "unregistered", "date": None},
    }
    assert ran.document["run"]["registry"] == {"registry.jsonl": {"head": known.head, "length": 2}}
    assert f"changed since {day}" in ran.out
    markdown = (project.report / "verdicts.md").read_text()
    assert f"| changed since {day} |" in markdown
    assert f"registry: `registry.jsonl`, 2 lines, head `{str(known.head)[:12]}`" in markdown
    html = (project.report / "report.html").read_text()
    assert 'data-registration="unregistered"' in html
    assert str(known.head) in html


def test_the_narrow_table_names_what_is_not_registered(make: Make) -> None:
    project, known = registered(make)
    out = project.run(*CHOSEN, width=80).out
    assert out.count(f"changed since {known.lines[0].date}") == 1
    assert sum(line.strip() == "unregistered" for line in out.splitlines()) == 1


def test_without_a_registry_every_claim_is_unregistered(make: Make) -> None:
    ran = make().run(*CHOSEN)
    assert ran.document is not None
    assert {entry["registration"]["status"] for entry in ran.entries.values()} == {"unregistered"}
    assert "registry" not in ran.document["run"]


@pytest.mark.parametrize("workers", [(), ("-n2",)])
def test_a_registry_that_was_edited_or_cut_stops_the_run_before_it_begins(make: Make, workers: tuple[str, ...]) -> None:
    project, _ = registered(make)
    path = project.folder / "registry.jsonl"
    path.write_text(path.read_text().replace("order.high", "order.hugh", 1))
    ran = project.run(*CHOSEN, *workers, plugins=("xdist",) if workers else ())
    assert ran.code == pytest.ExitCode.USAGE_ERROR
    assert "does not follow from the one before it" in ran.out + ran.err
    assert "Traceback" not in ran.out + ran.err
    assert (ran.document, project.opened) == (None, [])
