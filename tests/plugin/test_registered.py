"""A run says of every claim how it stands to its registry, and what the registry looked like."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest

from semphase.cli.declared import find
from semphase.cli.registering import re_implementing
from semphase.verdict.registration import register
from semphase.verdict.registry import Registry, read

if TYPE_CHECKING:
    from tests.plugin.conftest import Make, Project, Ran

CHOSEN = ("--semphase-claims=order.high", "--semphase-claims=order.low", "--semphase-claims=order.near")
OWN = '''
from semphase import above, claim
from semphase.stats.estimate import Estimate

COPIES = 5
def centre(values):
    return sum(values) / len(values)

def measured(values):
    value = centre(values)
    return Estimate(value, value - 0.1, value + 0.1, "bootstrap", 20)

def damaged(values, copies=COPIES):
    """Copies with harm done to them."""
    return [measured([-value for value in values]) for _ in range(copies)]

@claim("own.mean", statement="the mean is large", criterion="x > 0", parts=above(0.0), estimator="mean", source="ours",
       control="damaged copies")
def test_own(study, judge):
    judge(measured([1.0, 2.0, 6.0]), control=damaged([1.0, 2.0, 6.0]))
'''


ELSE = '@declare("order.low", statement="it was something else")'


def add(project: Project, file: str, *names: str) -> Registry:
    """Register claims of a file of the project."""
    path = project.folder / "registry.jsonl"
    register([own for own in find([project.folder / file]).frozen if not names or own.id in names], path)
    return read(path)


def registered(make: Make) -> tuple[Project, Registry]:
    """A registry that knows two of the stub claims, one of them by another statement."""
    project = make()
    project.write("before.py", (project.folder / "stubs.py").read_text().replace('@declare("order.low")', ELSE))
    known = add(project, "before.py", "order.high", "order.low")
    (project.folder / "before.py").unlink()
    return project, known


def mine(make: Make) -> Project:
    """A project with a claim of its own, registered, whose store knows of another claim's verdict."""
    project = make(OWN)
    project.write("test_other.py", OWN.replace("own.mean", "other.mean"))
    add(project, "test_it.py")
    project.run("test_other.py")
    return project


def status(ran: Ran, claim: str = "own.mean") -> str:
    found: str = ran.entries[claim]["registration"]["status"]
    return found


def edited(project: Project, before: str, after: str) -> Ran:
    """A run of the project's claim after an edit of its file."""
    text = (project.folder / "test_it.py").read_text()
    assert text.count(before) == 1
    project.write("test_it.py", text.replace(before, after))
    return project.run("test_it.py")


@pytest.mark.slow
@pytest.mark.parametrize("workers", [(), ("-n2",)])
def test_every_kind_of_status_stands_in_every_report(make: Make, workers: tuple[str, ...]) -> None:
    project, known = registered(make)
    ran = project.run(*CHOSEN, *workers, width=160, plugins=("xdist",) if workers else ())
    assert ran.document is not None
    day = known.lines[0].day
    told = {name: entry["registration"] for name, entry in ran.entries.items()}
    assert {name: (own["status"], own["date"]) for name, own in told.items()} == {
        "order.high": ("unknown", known.lines[0].date),
        "order.low": ("changed", known.lines[0].date),
        "order.near": ("unregistered", None),
    }
    high, low = known.lines
    assert (told["order.high"]["rule"], told["order.high"]["code"]) == (high.rule, high.code)
    assert told["order.low"]["rule"] != low.rule
    assert ran.document["run"]["registry"] == {"registry.jsonl": {"head": known.head, "length": 2}}
    assert f"changed since {day}" in ran.out
    markdown = (project.report / "verdicts.md").read_text()
    assert f"- `order.low` on tiny: changed since {day}\n" in markdown
    assert f"registry: `registry.jsonl`, 2 lines, head `{str(known.head)[:12]}`" in markdown
    html = (project.report / "report.html").read_text()
    assert 'data-registration="unregistered"' in html
    assert str(known.head) in html


def test_the_narrow_table_names_what_is_not_registered(make: Make) -> None:
    project, known = registered(make)
    out = project.run(*CHOSEN, width=80).out
    assert out.count(f"changed since {known.lines[0].day}") == 1
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


def test_a_claim_is_registered_where_the_store_vouches_for_the_order(make: Make) -> None:
    project = make(OWN)
    add(project, "test_it.py")
    assert status(project.run("test_it.py")) == "unknown"
    assert status(project.run("test_it.py")) == "registered"


@pytest.mark.slow
@pytest.mark.parametrize("workers", [(), ("-n2",)])
def test_the_store_is_fresh_for_the_whole_of_a_run(make: Make, workers: tuple[str, ...]) -> None:
    project = make()
    add(project, "stubs.py", "order.high", "order.low", "order.near")
    told = [project.run(*CHOSEN, *workers, plugins=("xdist",) if workers else ()).entries for _ in range(2)]
    assert [{entry["registration"]["status"] for entry in own.values()} for own in told] == [
        {"unknown"},
        {"registered"},
    ]


@pytest.mark.slow
def test_registering_after_the_first_measurement_shows_and_goes_on_to(make: Make) -> None:
    project = make(OWN)
    assert status(project.run("test_it.py")) == "unregistered"
    day = add(project, "test_it.py").lines[0].day
    ran = project.run("test_it.py", width=160)
    assert (status(ran), f"{day}, after measurement" in ran.out) == ("after measurement", True)
    assert status(project.run("test_it.py", "--semphase-model=gpt2")) == "after measurement"
    shutil.rmtree(project.folder.with_name(f"{project.folder.name}-cache"))
    assert status(project.run("test_it.py")) == "unknown"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('control="damaged copies"', 'control="a random direction"'),
        ("COPIES = 5", "COPIES = 2"),
        ("sum(values) / len(values)", "max(values)"),
    ],
)
def test_a_weaker_control_and_another_statistic_show(make: Make, before: str, after: str) -> None:
    project = mine(make)
    assert status(project.run("test_it.py")) == "registered"
    assert status(edited(project, before, after)) == "changed"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("COPIES = 5", "# Five are enough.\n\nCOPIES = 5"),
        ("Copies with harm done to them.", "What should fail."),
    ],
)
def test_comments_and_what_the_test_does_not_reach_change_nothing(make: Make, before: str, after: str) -> None:
    project = mine(make)
    assert status(edited(project, before, after)) == "registered"


def keep(project: Project) -> None:
    """Keep the output of the last run in the registry."""
    re_implementing([project.folder / "test_it.py"], project.report)


@pytest.mark.slow
def test_a_refactoring_with_equal_output_does_not_show_as_changed(make: Make) -> None:
    project = mine(make)
    project.run("test_it.py")
    keep(project)
    assert status(edited(project, "sum(values) / len(values)", "sum(value / len(values) for value in values)")) == (
        "re-implemented"
    )
    keep(project)
    line = json.loads((project.folder / "registry.jsonl").read_text().splitlines()[-1])
    assert line["reason"].startswith("re-implemented")
    assert status(project.run("test_it.py")) == "re-implemented"
    # Another model's output was never kept, and the line's code is that of now.
    assert status(project.run("test_it.py", "--semphase-model=gpt2")) == "re-implemented"


@pytest.mark.slow
def test_new_code_with_another_output_or_on_another_model_is_changed(make: Make) -> None:
    project = mine(make)
    project.run("test_it.py")
    keep(project)
    rewritten = edited(project, "sum(values) / len(values)", "sum(value / len(values) for value in values)")
    assert status(rewritten) == "re-implemented"
    assert status(project.run("test_it.py", "--semphase-model=gpt2")) == "changed"
    assert status(project.run("test_it.py", "--semphase-seed=1")) == "changed"
    assert status(edited(project, "sum(value / len(values)", "1e-4 + sum(value / len(values)")) == "changed"


def test_a_store_that_cannot_be_written_breaks_no_run(make: Make) -> None:
    project = make(OWN)
    add(project, "test_it.py")
    project.write("no-folder", "")
    ran = project.run("test_it.py", "--semphase-store=no-folder")
    assert (ran.code, status(ran)) == (0, "unknown")


READING = OWN.replace("\nfrom semphase", "\nimport json\nfrom pathlib import Path\nfrom semphase", 1)
FROM_A_FILE = READING.replace("measured([1.0, 2.0, 6.0])", "measured(json.loads(Path('data.json').read_text()))")


@pytest.mark.slow
def test_another_output_under_equal_circumstances_is_a_change_though_no_hash_tells_of_it(make: Make) -> None:
    project = make(FROM_A_FILE)
    project.write("data.json", "[1.0, 2.0, 6.0]")
    project.write("test_other.py", OWN.replace("own.mean", "other.mean"))
    project.run("test_other.py")
    add(project, "test_it.py")
    assert status(project.run("test_it.py")) == "registered"
    keep(project)
    assert status(project.run("test_it.py")) == "registered"
    project.write("data.json", "[1.0, 2.0, 9.0]")
    ran = project.run("test_it.py", width=200)
    assert ran.entries["own.mean"]["registration"]["remarks"] == ["the output is another than the one kept"]
    assert status(ran) == "changed"
    words = "the output is another than the one kept"
    assert words in " ".join(ran.out.split())
    assert words in (project.report / "verdicts.md").read_text()
    assert words in (project.report / "report.html").read_text()
    # Where none was kept, there is nothing to compare with.
    assert status(project.run("test_it.py", "--semphase-model=gpt2")) == "registered"


def test_of_a_claim_about_time_no_output_is_kept_and_none_is_another(make: Make) -> None:
    project = make(FROM_A_FILE.replace('estimator="mean"', 'timed=True, estimator="mean"'))
    project.write("data.json", "[1.0, 2.0, 6.0]")
    add(project, "test_it.py")
    project.run("test_it.py")
    keep(project)
    project.write("data.json", "[1.0, 2.0, 9.0]")
    assert status(project.run("test_it.py")) == "registered"


def test_a_date_that_cannot_be_true_stands_beside_the_status(make: Make) -> None:
    project = make(OWN)
    known = add(project, "test_it.py")
    line = json.loads((project.folder / "registry.jsonl").read_text())
    (project.folder / "registry.jsonl").write_text(json.dumps({**line, "date": "2199-01-01T00:00:00+00:00"}) + "\n")
    ran = project.run("test_it.py", width=200)
    assert ran.entries["own.mean"]["registration"]["remarks"] == [
        "line 1 is dated in the future, 2199-01-01T00:00:00+00:00"
    ]
    assert "line 1 is dated in the future" in " ".join(ran.out.split())
    assert known.lines[0].day not in ran.out
