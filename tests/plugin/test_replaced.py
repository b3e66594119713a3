"""Prompts of the user in place of a claim's own: the verdict says so, and nobody expects or records it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.plugin.conftest import Make

CLAIMS = """
from semphase import Estimate, Prompts, above, claim

OWN, OTHER = Prompts.of("own", ["anna saw the boat", "the bank"]), Prompts.of("other", ["the boat", "anna"])

def declare(id, **rest):
    return claim(id, statement="s", criterion="x > 0", parts=above(0), estimator="mean", source="001",
                 control="none: a test", **rest)

def seen(study, prompts):
    return Estimate(1.0, 0.9, 1.1, "bootstrap", len(study.prompts(prompts).prompts))

@declare("a.named", data=OWN)
def test_named(study, judge):
    judge(seen(study, OTHER))

@declare("a.used")
def test_used(study, judge):
    judge(seen(study, OWN))

@declare("a.apart", data=OTHER)
def test_apart(study, judge):
    judge(seen(study, OTHER))
"""
MINE = 'name = "{name}"\ntexts = ["the shelf by the bank", "the card", "anna"]\n'


@pytest.mark.slow
@pytest.mark.parametrize("workers", [(), ("-pxdist", "-n2")])
def test_a_verdict_on_other_data_says_so_and_is_not_recorded(make: Make, workers: tuple[str, ...]) -> None:
    project = make(CLAIMS)
    project.write("conftest.py", "")
    given = []
    for name in ("own", "unknown"):
        project.write(f"{name}.toml", MINE.format(name=name))
        given.append(f"--semphase-prompts={name}.toml")
    project.write("noxfile.py", "")
    ran = project.run(
        "--semphase-model=tiny", f"--semphase-store={project.folder}", "--semphase-accept", *given, *workers
    )
    entries = ran.entries
    assert {name: entry["scope"] for name, entry in entries.items()} == {
        "a.named": {"kind": "other data", "ratios": {}, "prompts": ["own"]},
        "a.used": {"kind": "other data", "ratios": {}, "prompts": ["own"]},
        "a.apart": {"kind": "unstated", "ratios": {}},
    }
    assert (project.report / "verdicts.md").read_text().count("**supported (other data)**") == 2
    assert ran.document is not None
    told = [notice for notice in ran.document["run"]["notices"] if "--prompts" in notice]
    assert told == ["the prompts 'unknown' of --prompts took the place of no claim's own set"]
    recorded = (project.folder / "fixtures/expected/tiny.toml").read_text()
    assert "a.apart" in recorded
    assert "a.named" not in recorded
    assert "a.used" not in recorded
