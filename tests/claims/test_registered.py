"""The claims of this project: registered, complete, and each declared once."""

from __future__ import annotations

from pathlib import Path

import pytest

from semphase.verdict import Claim
from semphase.verdict.registration import check_registration, claims_in

CLAIMS = Path(__file__).parents[2] / "claims"


@pytest.fixture(scope="module")
def declared() -> list[Claim]:
    return claims_in(CLAIMS)


def test_every_claim_says_what_it_said_when_registered(declared: list[Claim]) -> None:
    assert check_registration(declared, CLAIMS / "registered.toml") == []


def test_every_claim_is_complete(declared: list[Claim]) -> None:
    assert declared
    for claim in declared:
        told = (claim.statement, claim.criterion, claim.estimator, claim.source, claim.control)
        assert all(text.strip() for text in told), claim.id
        assert claim.parts, claim.id
        assert claim.source[:3].isdecimal(), claim.id
        assert claim.control.removeprefix("none:").strip(), claim.id


def test_every_claim_stands_in_the_file_of_its_group() -> None:
    for path in sorted(CLAIMS.glob("test_*.py")):
        groups = {claim.group for claim in claims_in(CLAIMS) if f'"{claim.id}"' in path.read_text()}
        assert groups == {path.stem.removeprefix("test_")}
