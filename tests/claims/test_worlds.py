"""Every claim about models has a planted world in which it is supported and one in which it is refuted."""

from __future__ import annotations

import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from semphase import Claim
from semphase.cli.declared import claims_in

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
CLAIMS = [claim for claim in claims_in(ROOT / "claims") if claim.needs.model]
WITHOUT: dict[str, str] = {}
"""Claims about which a planted world makes no sense, and why."""


@cache
def collected() -> tuple[str, ...]:
    """The ids of the tests on planted worlds; claim and verdict stand in theirs."""
    files = sorted({*HERE.glob("test_worlds_*.py"), *HERE.glob("test_planted*.py")})
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", *map(str, files)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    return tuple(line for line in run.stdout.splitlines() if "::" in line)


@pytest.mark.parametrize("verdict", ["supported", "refuted"])
@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.id)
def test_each_claim_has_a_world_of_either_kind(claim: Claim, verdict: str) -> None:
    if claim.id in WITHOUT:
        pytest.skip(WITHOUT[claim.id])
    assert any(f"{claim.id}-{verdict}" in own for own in collected())


def test_only_claims_that_are_there_go_without() -> None:
    assert set(WITHOUT) <= {claim.id for claim in CLAIMS}
    assert all(WITHOUT.values())
