"""The fixtures of claim tests: `study`, what is measured on, and `judge`, what takes the evidence."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from semphase.errors import SemphaseError
from semphase.plugin.collect import claim_of

if TYPE_CHECKING:
    from semphase.study import Study
    from semphase.verdict.judge import Judge


@pytest.fixture(scope="session")
def study(request: pytest.FixtureRequest) -> Study:
    """The study of the models that this test runs on; measurements are its attributes."""
    from semphase.plugin.session import session_of

    opened: Study = session_of(request.config).open(request.param)
    return opened


@pytest.fixture
def judge(request: pytest.FixtureRequest) -> Judge:
    """Takes the claim's evidence and returns its verdict, once; see `semphase.verdict.judge`."""
    from semphase.plugin.running import JUDGE
    from semphase.verdict.judge import Judge

    claim = claim_of(request.node)
    if claim is None:
        raise SemphaseError(f"{request.node.name} uses judge but declares no claim: add @claim(...)")
    made = Judge(claim)
    request.node.stash[JUDGE] = made
    return made
