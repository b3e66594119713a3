"""Weights leave the memory with the last test that needs them, untrained copies with their model's own tests.

Seen by weak references, on real models.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.plugin.conftest import Make

WATCHED = """
import weakref
from semphase import Estimate, Needs, above, claim

SEEN = {}
ESTIMATE = Estimate(1.0, 0.9, 1.1, "bootstrap", 20)

def declare(id, **rest):
    return claim(id, statement="s", criterion="x > 0", parts=above(0), estimator="mean", source="001",
                 control="none: a test", **rest)

COPIES = {}

def alive(seen):
    return {name for name, references in seen.items() if any(reference() is not None for reference in references)}

def loaded(study, wanted):
    SEEN[study.label] = [weakref.ref(thing) for thing in (study, study.model.module)]
    COPIES[study.label] = [weakref.ref(study.untrained[0].model.module)]
    assert alive(SEEN) == wanted[study.label]
    assert alive(COPIES) == {study.label}
"""
ALONE = """
@declare("a.one")
def test_one(study, judge):
    loaded(study, {"tiny": {"tiny"}, "tiny-deep": {"tiny-deep"}})
    judge(ESTIMATE)

def test_without_a_claim(study):
    assert study.label in SEEN
"""
BROKEN = """
@declare("a.broken")
def test_broken(study, judge):
    here = study.model
    raise ValueError("a traceback holds the frame, and the frame the model")
"""
COMPARED = """
@declare("a.one")
def test_one(study, judge):
    loaded(study, {"tiny": {"tiny"}, "tiny-deep": {"tiny", "tiny-deep"}})
    judge(ESTIMATE)

@declare("a.both", needs=Needs(models=2))
def test_both(study, judge):
    assert alive(SEEN) == {"tiny", "tiny-deep"}
    assert alive(COPIES) == {"tiny-deep"}  # those of the test before
    judge(ESTIMATE)
"""


@pytest.mark.slow
@pytest.mark.parametrize(("source", "passed"), [(ALONE, 4), (COMPARED, 3)])
def test_a_model_stays_as_long_as_a_test_needs_it_and_no_longer(make: Make, source: str, passed: int) -> None:
    project = make(WATCHED + source + BROKEN)
    project.write("conftest.py", "")
    ran = project.run("--semphase-model=tiny", "--semphase-model=tiny-deep", f"--semphase-store={project.folder}")
    assert f"= 2 failed, {passed} passed" in ran.out, ran.out
