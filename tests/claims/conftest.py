"""Claims run on planted models: the whole way from forward passes to the verdict."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from planted import Plan, planted_study, untrained

from semphase.store import Store
from semphase.study import Study
from semphase.verdict import Verdict
from semphase.verdict.judge import Judge

CLAIMS = Path(__file__).parents[2] / "claims"
CENSUS = {"wqk.low-dimensional", "wqk.components-encode-layer"}
"""The closed list of claims whose estimate has no interval."""


def _claim_tests() -> dict[str, Callable[..., None]]:
    found = {}
    for path in sorted(CLAIMS.glob("test_*.py")):
        spec = importlib.util.spec_from_file_location(f"planted_{path.stem}", path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        for value in vars(module).values():
            for mark in getattr(value, "pytestmark", ()):
                found[mark.args[0].id] = value
    return found


@pytest.fixture(scope="session")
def verdict_on() -> Callable[[str, Any], Verdict]:
    """`verdict_on(id, study)` runs the claim's own test function and returns its verdict; a variant has no control."""
    tests = _claim_tests()

    def run(name: str, study: Any) -> Verdict:
        (mark,) = (mark for mark in tests[name].pytestmark if mark.name == "claim")
        judge = Judge(mark.args[0])
        judge = judge.alone() if getattr(study, "base", None) is not None else judge
        tests[name](study, judge)
        assert judge.verdict is not None
        assert (judge.verdict.estimate is not None and judge.verdict.estimate.exact) == (name in CENSUS)
        return judge.verdict

    return run


@pytest.fixture(scope="session")
def studies(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Study]:
    """`studies(plan, name)` is the study of a planted model, made once."""
    store, made = Store(tmp_path_factory.mktemp("store")), {}

    def study(plan: Plan, name: str = "planted") -> Study:
        key = id(plan), name
        if key not in made:
            made[key] = planted_study(plan, store, name)
        return made[key]

    return study


@pytest.fixture
def planted_copies(monkeypatch: pytest.MonkeyPatch) -> None:
    """Untrained copies of planted models are planted models."""
    monkeypatch.setattr("semphase.study.subject.reinitialised", untrained)
