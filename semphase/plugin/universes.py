"""A claim in its universes: its test runs once more in each, on a variant of the study, without a control."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from semphase.errors import NotApplicable, SemphaseError, Undefined
from semphase.plugin.collect import claim_of
from semphase.plugin.needs import lacks
from semphase.plugin.options import explores
from semphase.plugin.running import JUDGE, UNIVERSE
from semphase.study.asked import require_asked
from semphase.verdict.agreement import found_in
from semphase.verdict.judge import Judge
from semphase.verdict.universe import Found, Universe
from semphase.verdict.verdict import Verdict


def explore(item: pytest.Item) -> None:
    """Add to the item's verdict what its claim comes to in each of its universes.

    Raises SemphaseError, naming the universe, where one breaks: a measurement that failed is no verdict.
    """
    judge, claim = item.stash[JUDGE], claim_of(item)
    assert judge.verdict is not None
    assert claim is not None
    if explores(item.config) and judge.verdict.verdict != "not-applicable":
        found = tuple(_in(own, item, judge) for own in claim.universes)
        judge.verdict = replace(judge.verdict, universes=found)


def _in(universe: Universe, item: pytest.Item, judge: Judge) -> Found:
    assert isinstance(item, pytest.Function)
    assert judge.verdict is not None
    try:
        verdict = _judged(universe, item, judge)
    except (NotApplicable, Undefined) as reason:
        return Found(universe.name, "not-applicable", reason=str(reason))
    except pytest.skip.Exception as skip:
        return Found(universe.name, "not-applicable", reason=f"its test was skipped: {skip.msg or 'no reason given'}")
    except SemphaseError as problem:
        raise SemphaseError(f"in the universe {universe.name!r}: {problem}") from problem
    except (Exception, SystemExit, pytest.fail.Exception) as problem:
        item.stash[UNIVERSE] = universe.name
        problem.add_note(f"in the universe {universe.name!r}")
        raise
    return found_in(universe, verdict, judge.verdict)


def _judged(universe: Universe, item: pytest.Function, judge: Judge) -> Verdict:
    opened: Any = item.funcargs.get("study")
    if opened is None:
        raise SemphaseError(f"{judge.claim.id} has universes and its test takes no study: leave them out.")
    study, own = opened.in_universe(universe), judge.alone()
    if lack := lacks(judge.claim, study):
        raise NotApplicable(lack)
    given = {name: item.funcargs[name] for name in item._fixtureinfo.argnames}
    item.obj(**{**given, "study": study, "judge": own})
    if own.verdict is None:
        raise SemphaseError(f"the test of {judge.claim.id} ended without a verdict: it must call judge once")
    require_asked(getattr(study, "each", ()))
    return own.verdict
