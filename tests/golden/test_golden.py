"""semphase's own measurements give the numbers that they gave before, or say by a new version that they do not."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from study_fixtures import golden_study

from semphase.study import Study

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
from cases import CASES  # noqa: E402


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    return golden_study(tmp_path_factory.mktemp("store"))


@pytest.fixture(scope="module")
def golden() -> dict[str, np.ndarray]:
    with np.load(HERE / "numbers.npz") as kept:
        return dict(kept)


@pytest.mark.parametrize("name", CASES)
def test_numbers_have_not_moved(name: str, study: Study, golden: dict[str, np.ndarray]) -> None:
    case = CASES[name]
    before = golden[f"{name}, version {case.version}"]
    np.testing.assert_allclose(
        np.asarray(case.numbers(study)), before, rtol=0, atol=case.tolerance * np.abs(before).max(),
        err_msg=f"the numbers of {name} moved: raise the version of what measures them, then record them anew",
    )  # fmt: skip


def test_nothing_is_kept_that_is_not_measured(golden: dict[str, np.ndarray]) -> None:
    assert set(golden) == {f"{name}, version {case.version}" for name, case in CASES.items()}


def test_a_moved_number_shows(golden: dict[str, np.ndarray]) -> None:
    """The tolerances are smaller than what the numbers are about."""
    for name, case in CASES.items():
        values = golden[f"{name}, version {case.version}"]
        assert np.ptp(values) > 10 * case.tolerance * np.abs(values).max()
