"""Wrong inputs end a run in one sentence, without a traceback and with an exit code that says so."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from faults.bad import Bad, inputs
from faults.outcome import Outcome, Tell
from faults.projects import SMALL, Project, Ran, project


def refused(outcome: Outcome, count: int, whole: int, seed: int, tell: Tell) -> None:
    """So many wrong inputs; as many as `whole` also in processes of their own."""
    kinds: Counter[str] = Counter()
    with project(SMALL) as own, tempfile.TemporaryDirectory(prefix="semphase-bad-") as folder:
        made = list(inputs(count, seed, Path(folder)))
        apart = random.Random(seed).sample(range(len(made)), min(whole, len(made)))
        for number, bad in enumerate(made):
            with outcome.timed():
                _require(own.run(*bad.options, environment=bad.environment), bad, outcome)
                if number in apart:
                    _require(_alone(own, bad), bad, outcome)
            outcome.tried += 1
            kinds[bad.kind if bad.must else "harmless"] += 1
            if outcome.tried % 20 == 0:
                tell(f"{outcome.tried} inputs, {len(outcome.failures)} failures")
    told = ", ".join(f"{number} {kind}" for kind, number in sorted(kinds.items()))
    outcome.remark = f"{told}; {len(apart)} also in processes of their own"


def _require(ran: Ran, bad: Bad, outcome: Outcome) -> None:
    what = f"{bad.kind}, {bad.what}"
    if bad.must:
        outcome.require(not ran.refused, f"{what}: {ran.refused}: {ran.out[-1200:]}")
    else:
        outcome.require(ran.code == 0, f"{what}, which does no harm: {ran.out[-1200:]}")


def _alone(own: Project, bad: Bad) -> Ran:
    command = [sys.executable, "-m", "pytest", "-p", "semphase.plugin", "-p", "no:cacheprovider", *own.options]
    command += [f"--store={own.store}", f"--out={own.out}", *bad.options]
    environment = os.environ | own.environment | bad.environment
    done = subprocess.run(
        command, cwd=own.folder, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    return Ran(done.returncode, done.stdout + done.stderr, 0.0, own.document())
