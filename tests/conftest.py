"""For all tests of the package: examples may take their time, and small tensors are computed on one thread."""

from __future__ import annotations

import gc
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages

import _pytest.unraisableexception
import hypothesis
import jaxtyping
import pytest
import torch
from model_fixtures import loaded, prompts, wandering
from study_fixtures import corpus, counted_progress, lexicon, random_gpt2, study_of, tiny

import semphase.measure
import semphase.models
import semphase.science

__all__ = ["corpus", "counted_progress", "lexicon", "loaded", "prompts", "random_gpt2", "study_of", "tiny", "wandering"]

# Some tests change what is inside a module, and its stand-in (semphase.contents.Later) would not pass that on.
for _package in (semphase.measure, semphase.models, semphase.science):
    for _found in walk_packages(_package.__path__, f"{_package.__name__}."):
        import_module(_found.name)

# What was imported and collected stays: collections of garbage need not go through it. Each pytest that a test runs asks
# for five of them, which takes up to 1.5 s late in the suite.
gc.collect()
gc.freeze()
_pytest.unraisableexception.gc_collect_harder = lambda iterations: None


def pytest_collection_finish(session: pytest.Session) -> None:
    """So do the tests themselves."""
    gc.freeze()


# A busy machine is no failure.
hypothesis.settings.register_profile("semphase", deadline=None)
hypothesis.settings.load_profile("semphase")


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> Iterator[None]:
    """Tensors as small as those of the tests lose more by being shared between threads than they gain."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def uncollected(monkeypatch: pytest.MonkeyPatch) -> None:
    """For tests that correct p by Holm's method many times: statsmodels collects garbage each time."""
    monkeypatch.setattr(gc, "collect", lambda *_: 0)


@pytest.fixture
def wrong_shapes() -> Iterator[None]:
    """For tests that hand over wrong shapes to see what the package says itself: `-p shapes` keeps quiet."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built and unpacked as `pip install .` would."""
    place, root = tmp_path_factory.mktemp("wheel"), Path(__file__).parents[1]
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    subprocess.run(
        [*pip, "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", str(place), str(root)],
        check=True,
    )
    (wheel,) = place.glob("semphase-*.whl")
    target = place / "site"
    subprocess.run([*pip, "install", "-q", "--no-deps", "--target", str(target), str(wheel)], check=True)
    return target
