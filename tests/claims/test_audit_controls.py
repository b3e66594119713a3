"""Audit claims: what is supported tells the printed tables from perturbed ones, and bounds decide every verdict."""

from __future__ import annotations

from pathlib import Path

import pytest

from semphase.cli.declared import claims_in
from semphase.study import JointStudy

AUDITS = [claim for claim in claims_in(Path(__file__).parents[2] / "claims") if claim.group == "audit"]


@pytest.mark.parametrize("name", [claim.id for claim in AUDITS])
def test_a_supported_audit_is_the_tables_own(verdict_on, name):
    verdict = verdict_on(name, JointStudy(()))
    if verdict.verdict == "supported":
        assert verdict.control is None or verdict.control.relation == "model only"
    assert verdict.estimate.population == ("rounding",)
    assert verdict.p_decision is None
    assert verdict.estimate.level == 1.0
    assert verdict.estimate.method == "interval arithmetic over the rounding of the published figures"


def test_a_verdict_is_the_same_whenever_it_is_judged(verdict_on):
    first, again = (verdict_on("audit.cvfp-formula-a", JointStudy(())) for _ in range(2))
    assert first == again


def test_no_audit_speaks_of_a_model():
    assert all(not claim.needs.model and not claim.published for claim in AUDITS)
