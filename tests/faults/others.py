"""Two runs on one store, memory that ends in the middle of a pass, and clocks that jump."""

from __future__ import annotations

import datetime as dt
import itertools
import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from typing import Any

from faults.counting import counting, noted
from faults.outcome import Outcome, Tell
from faults.projects import Project, Ran, project
from faults.same import differing

CLOSE = 1e-4
"""Relative difference of two estimates that rounding explains; single products of the small model round by 1e-6."""
ERRORS = (
    "CUDA out of memory. Tried to allocate 2.00 GiB.",
    "MPS backend out of memory.",
    "DefaultCPUAllocator: can't allocate memory",
)
OWN_DATES = ("plugin.session", "plugin.judged", "verdict.registration", "verdict.standing", "cli.checking")
"""Modules that ask what time it is."""
YEAR = 365 * 86400.0


def together(outcome: Outcome, times: int, unbroken: Ran, tell: Tell) -> None:
    """Two runs on one store at once: nothing is measured twice, and both find what one alone finds."""
    for _ in range(times):
        with project() as own, outcome.timed():
            each = [replace(own, out=own.folder / "reports" / name) for name in ("first", "second")]
            logs = [own.folder / f"log-{name}" for name in ("first", "second")]
            children = [one.start(patches=[counting(log)]) for one, log in zip(each, logs, strict=True)]
            for ran in [child.ended() for child in children]:
                outcome.require(ran.code == 0, f"one of two runs: {ran.out[-1500:]}")
                outcome.same(differing(ran.document, unbroken.document), "one of two runs")
            counts = sum(map(noted, logs), Counter[str]())
            twice = {what for what, count in counts.items() if count > 1 and not what.startswith("verdict")}
            outcome.again(twice, "two runs on one store")
        outcome.tried += 1
    tell(f"{outcome.tried} pairs of runs")


def memory(outcome: Outcome, times: int, unbroken: Ran, tell: Tell) -> None:
    """Passes of too many rows raise what a device raises: halved with a notice, the same numbers; or one sentence."""
    outcome.remark = "by a stub that raises above some rows"
    for turn in range(times):
        rows = (3, 1, 2)[turn % 3] if turn % 4 < 3 else 0
        with project() as own, outcome.timed():
            ran = own.run(patches=[lacking(rows, ERRORS[turn % len(ERRORS)])])
        what = f"memory for {rows} rows"
        if rows:
            notices = " ".join((ran.document or {"run": {}})["run"].get("notices", []))
            outcome.require(ran.code == 0, f"{what}: {ran.out[-1500:]}")
            outcome.require("were halved where the memory" in notices, f"{what}: without a notice")
            outcome.same(_unlike(ran.document, unbroken.document), what)
        else:
            outcome.require(not ran.refused, f"{what}: {ran.refused}: {ran.out[-1500:]}")
            outcome.require("does not hold the least pass" in ran.out, f"{what}: {ran.out[-1500:]}")
        outcome.tried += 1
    tell(f"{outcome.tried} shortages of memory")


def _unlike(found: Any, known: Any) -> str:
    if found is None:
        return "no report"
    for own, other in zip(found["claims"], known["claims"], strict=True):
        if own["verdict"] != other["verdict"]:
            return f"{own['id']} is {own['verdict']} and not {other['verdict']}"
        for name in ("value", "low", "high"):
            here, there = own["estimate"][name], other["estimate"][name]
            if abs(here - there) > CLOSE * abs(there):
                return f"the {name} of {own['id']} is {here} and not {there}"
    return ""


def lacking(rows: int, sentence: str) -> Callable[[], None]:
    """A patch for a child whose models refuse passes of more rows."""

    def patch() -> None:
        import torch

        from semphase.study import opening

        load = opening.load
        kind = torch.OutOfMemoryError if "CUDA" in sentence else RuntimeError

        def refuse(_block: object, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            if len(args[0] if args else kwargs["hidden_states"]) > rows:
                raise kind(sentence)

        def loaded(*args: Any, **kwargs: Any) -> Any:
            model = load(*args, **kwargs)
            for block in model.anatomy.blocks:
                block.register_forward_pre_hook(refuse, with_kwargs=True)
            return model

        opening.load = loaded

    return patch


def clocks(outcome: Outcome, times: int, seed: int, unbroken: Ran, tell: Tell) -> None:
    """The clock of the machine jumps while a run is under way: no negative time, the same verdicts, dates told as such."""
    draw = random.Random(seed)
    outcome.remark = "time.time and datetime.now patched"
    for turn in range(times):
        jumps = ((-30 * YEAR,), (10 * YEAR,), (0.0, -3600.0, 7200.0), (0.0, draw.uniform(-1, 1) * YEAR))[turn % 4]
        with project() as own, outcome.timed():
            _register(own)
            ran = own.run(patches=[jumping(jumps)])
        what = f"a clock that jumps by {jumps}"
        outcome.require(ran.code == 0, f"{what}: {ran.out[-2500:]}")
        outcome.require(ran.document is not None and _times(ran.document), f"{what}: a negative time")
        if ran.document is not None:
            differs = differing(_unregistered(ran.document), _unregistered(unbroken.document), notices=False)
            outcome.same(differs, what)
        if jumps == (-30 * YEAR,):
            outcome.require("is dated in the future" in " ".join(ran.out.split()), f"{what}: {ran.out[-2500:]}")
        outcome.tried += 1
    tell(f"{outcome.tried} clocks")


def _times(document: dict[str, Any]) -> bool:
    return min([document["run"]["seconds"], *(own["seconds"] for own in document["claims"])]) >= 0


def _unregistered(document: Any) -> Any:
    claims = [own | {"registration": None} for own in document["claims"]]
    return document | {"claims": claims}


def _register(own: Project) -> None:
    """Every claim of the project has a line, dated now."""
    from semphase.verdict import registry
    from semphase.verdict.frozen import Frozen

    line = registry.Entered(Frozen(_stub("a.alone"), "0" * 64, "0" * 64))
    registry.append(own.folder / registry.NAME, lambda _: [line], dt.datetime.now(dt.UTC))


def _stub(name: str) -> Any:
    from semphase import Claim, above

    return Claim(
        id=name, statement="s", criterion="x > 0", parts=(above(0.0),), estimator="mean", source="ours", control="none: -"
    )  # fmt: skip


def jumping(jumps: tuple[float, ...]) -> Callable[[], None]:
    """A patch for a child whose clock is off by each of these seconds in turn."""

    def patch() -> None:
        own, off = time.time, itertools.cycle(jumps)

        class Jumping(dt.datetime):
            @classmethod
            def now(cls, tz: dt.tzinfo | None = None) -> dt.datetime:
                return dt.datetime.fromtimestamp(time.time(), tz)

        time.time = lambda: own() + next(off)
        for name in OWN_DATES:
            import_module(f"semphase.{name}").datetime = Jumping  # type: ignore[attr-defined]

    return patch
