"""The lock files: what claims and examples import is there, what is left out stays out, and both files go together."""

from __future__ import annotations

import ast
import re
import runpy
import subprocess
import sys
import zipfile
from importlib.metadata import distribution, packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
LOCKING = runpy.run_path(str(ROOT / "locking.py"))
LEFT_OUT = LOCKING["LEFT_OUT"]
# nnsight has an environment of its own (`nox -s bench`); Dask is there for whoever installs the extra `cluster`.
ELSEWHERE = {"nnsight", "dask", "distributed"}


def pins(lock: Path) -> dict[str, str]:
    lines = [line for line in lock.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    return {canonicalize_name(name): version for name, version in (line.split("==") for line in lines)}


USERS, DEVELOPERS = pins(LOCKING["LOCK"]), pins(LOCKING["DEVELOPERS"])


def imported(path: Path) -> set[str]:
    """The first names of what a file imports anywhere in it."""
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    plain = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    partly = {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}
    return {name.partition(".")[0] for name in plain | partly}


def test_what_a_user_runs_imports_nothing_beyond_the_users_lock():
    folders = [ROOT / name for name in ("semphase", "claims", "examples", "benchmarks")]
    files = [ROOT / "conftest.py", *(path for folder in folders for path in folder.rglob("*.py"))]
    own = {"semphase", *(path.stem for path in (ROOT / "benchmarks").glob("*.py"))}
    others = {name for path in files for name in imported(path)} - own - ELSEWHERE - sys.stdlib_module_names
    homes = packages_distributions()
    assert {"torch", "sklearn", "transformer_lens", "xdist"} <= others
    missing = {name for name in others if not {canonicalize_name(home) for home in homes.get(name, ())} & USERS.keys()}
    assert not missing


def test_what_is_left_out_is_in_no_users_lock():
    assert not LEFT_OUT & USERS.keys()
    assert not {name for name in USERS | DEVELOPERS if name.startswith(("opentelemetry", "wandb"))}


def test_developers_get_more_and_nothing_else():
    assert not USERS.keys() & DEVELOPERS.keys()
    assert {"mypy", "ruff", "hypothesis", "import-linter", "beartype"} <= DEVELOPERS.keys()


def plainly(needed: Requirement) -> bool:
    """Is it asked for here without any extra?"""
    return needed.marker is None or needed.marker.evaluate({"extra": ""})


def test_what_declares_something_left_out_is_installed_without_it():
    declaring = {
        name
        for name in USERS
        for needed in map(Requirement, distribution(name).requires or ())
        if canonicalize_name(needed.name) in LEFT_OUT and plainly(needed)
    }
    bare = re.search(r'^BARE = "(.+)"$', (ROOT / "noxfile.py").read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert bare
    assert declaring == {bare[1]}


WITHOUT = """
import sys
from importlib import import_module
from pkgutil import walk_packages

from importlib.machinery import PathFinder

found_by = PathFinder.find_spec

def find_spec(name, path=None, target=None):  # as if they were not installed
    return None if name.partition(".")[0] in {names} else found_by(name, path, target)

PathFinder.find_spec = staticmethod(find_spec)
import semphase
found = [found.name for found in walk_packages(semphase.__path__, "semphase.")]
for name in found:
    if not name.endswith("__main__"):
        import_module(name)
print(len(found))
"""


@pytest.mark.slow
def test_every_module_is_imported_where_only_users_packages_are():
    homes = packages_distributions()
    names = {name for name, home in homes.items() if {canonicalize_name(one) for one in home} & DEVELOPERS.keys()}
    absent = names | {name.replace("-", "_") for name in LEFT_OUT}
    assert {"hypothesis", "beartype", "wandb"} <= absent
    script = WITHOUT.replace("{names}", repr(absent))
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 100


@pytest.mark.parametrize(("names", "among"), [(USERS, USERS), (DEVELOPERS, USERS | DEVELOPERS)], ids=["users", "more"])
def test_every_pin_finds_what_it_declares(names, among):
    # As `pip check`, but for what is left out on purpose.
    for name in names:
        for text in distribution(name).requires or ():
            needed = Requirement(text)
            if canonicalize_name(needed.name) in LEFT_OUT or not plainly(needed):
                continue
            version = among.get(canonicalize_name(needed.name))
            assert version is not None, f"{name} needs {needed}"
            assert needed.specifier.contains(version, prereleases=True), f"{name} needs {needed}"


def wheel(folder: Path, name: str, *requires: str) -> None:
    lines = [
        "Metadata-Version: 2.1",
        f"Name: {name}",
        "Version: 1.5+cpu",
        *(f"Requires-Dist: {text}" for text in requires),
    ]
    with zipfile.ZipFile(folder / f"{name}-1.5-py3-none-any.whl", "w") as archive:
        archive.writestr(f"{name}/__init__.py", "")
        archive.writestr(f"{name}-1.5.dist-info/METADATA", "\n".join(lines) + "\n")


@pytest.fixture
def wheels(tmp_path):
    wheel(tmp_path, "Lens", "wandb>=1", "A_b; python_version >= '3'", "elsewhere; sys_platform == 'none'")
    wheel(tmp_path, "wandb", "telemetry")
    wheel(tmp_path, "telemetry")
    wheel(tmp_path, "a_b", "lens", "plain; extra == 'more'")
    wheel(tmp_path, "plain")
    return LOCKING["read"](tmp_path)


def test_what_is_left_out_takes_along_what_it_alone_needs(wheels):
    assert LOCKING["reached"](wheels, ["lens"]) == {"lens", "a-b"}
    assert LOCKING["reached"](wheels, ["lens", "telemetry"]) == {"lens", "a-b", "telemetry"}


def test_extras_count_where_they_are_asked_for(wheels):
    assert LOCKING["reached"](wheels, ["a-b", "a-b[more]"]) == {"lens", "a-b", "plain"}


def test_a_lock_pins_no_build_and_says_how_much_there_is(wheels):
    first, much, *rest = LOCKING["lines"]("what a test needs", wheels.values()).splitlines()
    assert "what a test needs" in first
    assert re.match(r"# 5 packages, \d+ MB to download, \d+ of them ", much)
    assert rest == ["a_b==1.5", "Lens==1.5", "plain==1.5", "telemetry==1.5", "wandb==1.5"]
