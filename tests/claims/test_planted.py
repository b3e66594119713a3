"""A claim on a model whose untrained copies have no estimate."""

from __future__ import annotations

import pytest
from planted_worlds import WORLDS

pytestmark = pytest.mark.usefixtures("planted_copies")


def test_copies_without_an_estimate_leave_the_verdict_without_a_control(studies, verdict_on):
    verdict = verdict_on("permeation.linear-rise", studies(WORLDS["linear, with copies of no shape"]))
    assert verdict.verdict == "supported"
    assert verdict.control is None
    assert verdict.reason == "no control: the estimate is not defined for any untrained copy"
