"""Disks that are full or no longer take files, and bits that flip in what lies on them."""

from __future__ import annotations

import ctypes
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from faults.counting import counting, noted
from faults.kills import _kind
from faults.outcome import Outcome, Tell
from faults.projects import Project, Ran, project
from faults.same import differing

PLACES = ("store", "out", "cache")
CAPABILITIES, DAC_OVERRIDE = 0x20080522, 1
"""The version of Linux' sets of capabilities, and the one that overrides permissions."""


def can_mount() -> bool:
    """May this process mount a small file system?"""
    if os.name != "posix" or shutil.which("mount") is None:
        return False
    with tempfile.TemporaryDirectory() as name:
        if mounted := _mount(Path(name), 16):
            _unmount(Path(name))
    return mounted


def _mount(folder: Path, kib: int) -> bool:
    command = ["mount", "-t", "tmpfs", "-o", f"size={kib}k", "tmpfs", str(folder)]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _unmount(folder: Path) -> None:
    subprocess.run(["umount", "-l", str(folder)], capture_output=True, check=False)


@contextmanager
def small_disk(kib: int) -> Iterator[Path]:
    """A folder that holds no more than so many KiB."""
    folder = Path(tempfile.mkdtemp(prefix="semphase-disk-"))
    assert _mount(folder, kib), folder
    try:
        yield folder
    finally:
        _unmount(folder)
        with suppress(OSError):
            folder.rmdir()


def limited(kib: int) -> Callable[[], None]:
    """A patch for a child without a disk of its own: no file grows beyond so many KiB."""

    def patch() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (kib * 1024, kib * 1024))

    return patch


def full(outcome: Outcome, times: int, seed: int, unbroken: Ran, tell: Tell) -> None:
    """Runs whose store, report or cache has too little room: a sentence, then with room the same verdicts."""
    draw, mounted = random.Random(seed), can_mount()
    outcome.remark = "on a tmpfs of too few KiB" if mounted else "by RLIMIT_FSIZE, since nothing can be mounted here"
    for turn in range(times):
        where = PLACES[turn % len(PLACES)]
        kib = draw.choice((4, 8, 16, 32, 48, 64, 96)) if where != "cache" else draw.choice((4, 64))
        with project() as own, outcome.timed():
            _full(own, where, kib, mounted, unbroken, outcome)
        outcome.tried += 1
    tell(f"{outcome.tried} full disks")


def _full(own: Project, where: str, kib: int, mounted: bool, unbroken: Ran, outcome: Outcome) -> None:
    if not mounted:
        ran = own.run(patches=[limited(kib // 8)])
    else:
        with small_disk(kib) as disk:
            ran = _placed(own, where, disk).run()
    what = f"{kib} KiB for the {where}"
    outcome.require(ran.code in (0, 1, 4), f"{what}: ended with {ran.code}: {ran.out[-1500:]}")
    outcome.require("Traceback" not in ran.out, f"{what}: a traceback: {ran.out[-3000:]}")
    if ran.code == 0:
        outcome.same(differing(ran.document, unbroken.document, notices=False), what)
    else:
        outcome.require(not ran.refused, f"{what}: {ran.refused}: {ran.out[-1500:]}")
        outcome.require(
            "free some" in ran.out or "space" in ran.out or "cannot be" in ran.out, f"{what}: {ran.out[-1500:]}"
        )


def _placed(own: Project, where: str, disk: Path) -> Project:
    if where == "store":
        return replace(own, store=disk / "kept")
    if where == "out":
        return replace(own, out=disk / "reports" / "latest")
    return replace(own, environment=own.environment | {"XDG_CACHE_HOME": str(disk), "MPLCONFIGDIR": str(disk / "mpl")})


def read_only(outcome: Outcome, times: int, seed: int, unbroken: Ran, tell: Tell) -> None:
    """A store that takes no files from some moment on: a sentence, and where it takes them again the same verdicts."""
    draw = random.Random(seed)
    outcome.remark = "by chmod, without the privilege to write all the same"
    for _ in range(times):
        with project() as own, outcome.timed():
            _closed(own, draw.randint(1, 60), unbroken, outcome)
        outcome.tried += 1
    tell(f"{outcome.tried} stores that closed")


def _closed(own: Project, number: int, unbroken: Ran, outcome: Outcome) -> None:
    log = own.folder / "log"
    ran = own.run(patches=[closing(own, number)])
    what = f"a store that closes before change {number}"
    outcome.require("Traceback" not in ran.out, f"{what}: a traceback: {ran.out[-3000:]}")
    if ran.code == 0:
        outcome.same(differing(ran.document, unbroken.document, notices=False), what)
    else:
        outcome.require(not ran.refused, f"{what}: {ran.refused}: {ran.out[-1500:]}")
    for path in [own.store, *own.store.rglob("*")]:
        if path.is_dir():
            path.chmod(0o777)
    again = own.run(patches=[counting(log)])
    outcome.require(again.code == 0, f"{what}, and opens again: {again.out[-1500:]}")
    outcome.same(differing(again.document, unbroken.document, notices=False), f"{what}, and opens again")


def closing(own: Project, number: int) -> Callable[[], None]:
    """A patch for a child that loses the right to write to its store before so many changes there."""

    def patch() -> None:
        bind_by_permissions()
        left = [number]

        def hook(event: str, args: tuple[object, ...]) -> None:
            if left[0] and _kind(event, args, str(own.store)):
                left[0] -= 1
                if not left[0]:
                    for path in [*own.store.rglob("*"), own.store]:
                        if path.is_dir():
                            path.chmod(0o555)

        sys.addaudithook(hook)

    return patch


def bind_by_permissions() -> None:
    """Give up what lets root write where permissions forbid it; others have not got it."""
    if os.getuid() != 0:
        return
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(CAPABILITIES, 0)
    sets = (ctypes.c_uint32 * 6)()
    assert libc.capget(header, sets) == 0, os.strerror(ctypes.get_errno())
    for place in range(3):
        sets[place] &= ~(1 << DAC_OVERRIDE)
    assert libc.capset(header, sets) == 0, os.strerror(ctypes.get_errno())


FLIPPED = ("*.nc", "*.sha256", "*.json", "*.png")
"""Files of a store: entries and their checksums, verdicts and durations, figures."""


def flipped(outcome: Outcome, files: int, seed: int, unbroken: Ran, tell: Tell) -> None:
    """One bit of one file of a store after the other: computed again, or not read, but never another number."""
    draw = random.Random(seed)
    with project() as own:
        own.run()
        every = sorted(path for form in FLIPPED for path in own.store.rglob(form))
        chosen = every if files >= len(every) else draw.sample(every, files)
        outcome.remark = (
            f"of {len(every)} files of a store, each once" if chosen is every else "files drawn from a store"
        )
        damaged: set[str] = set()
        for path in chosen:
            with outcome.timed():
                _flip(path, draw)
                damaged.add(f"entry {path.stem}.nc")
                _read_again(own, path, damaged, unbroken, outcome)
            outcome.tried += 1
        tell(f"{outcome.tried} flipped bits")


def _flip(path: Path, draw: random.Random) -> None:
    content = bytearray(path.read_bytes())
    content[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
    path.write_bytes(content)


def _read_again(own: Project, path: Path, damaged: set[str], unbroken: Ran, outcome: Outcome) -> None:
    told = path.relative_to(own.store)
    entry = path.suffix in (".nc", ".sha256")
    log = own.folder / "log"
    log.unlink(missing_ok=True)
    before = path.read_bytes()
    ran = own.run(*(["--afresh"] if entry else []), patches=[counting(log)])
    outcome.require(ran.code == 0, f"{told}: {ran.out[-1500:]}")
    outcome.same(differing(ran.document, unbroken.document, notices=False), str(told))
    again = {line for line in noted(log) if line.startswith("entry")}
    notices = " ".join((ran.document or {"run": {}})["run"].get("notices", []))
    # A part is asked for, and found damaged, when the whole that it belongs to is measured again.
    outcome.again(again - damaged, str(told))
    for line in again:
        outcome.require(f"{line.split()[1]} failed its checksum" in notices, f"{told}: {line} without a notice")
    damaged -= again
    if path.suffix == ".png" or path.parent.name == "verdicts":
        outcome.require(path.read_bytes() != before, f"{told} was left as it is")
