"""Measured processes and lines of JSON between them and the benchmark; needs nothing but Python's own library."""

from __future__ import annotations

import ctypes
import gc
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

Reply = dict[str, Any]
Operations = dict[str, Callable[..., Reply]]
_STATUS, _RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")
_LAST = 300


class Failed(Exception):
    """A measured process could not do what it was asked; the message says why in one sentence."""


class Worker:
    """A process of its own that answers requests one after the other; ended with the `with` block.

    Its environment is this one's, `without` some variables and with others.
    """

    def __init__(self, command: Sequence[str], without: Sequence[str] = (), **environment: str) -> None:
        self._log = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115 - closed by close
        try:
            self._process = subprocess.Popen(  # noqa: S603
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._log,
                text=True,
                env={name: value for name, value in os.environ.items() if name not in without} | environment,
            )
        except OSError as problem:
            self._log.close()
            raise Failed(f"{Path(command[0]).name} cannot be run ({problem.strerror})") from None

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def ask(self, operation: str, **given: Any) -> Reply:
        """The reply to one request; Failed if there is none."""
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps([operation, given]) + "\n")
            self._process.stdin.flush()
        return self.reply()

    def reply(self) -> Reply:
        """The next reply; the first one comes unasked, when the process is ready."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise Failed(f"a measured process ended with code {self._process.wait()}: {self._last_words()}")
        found: Reply = json.loads(line)
        if "error" in found:
            raise Failed(found["error"])
        return found

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.communicate()
        self._log.close()

    def _last_words(self) -> str:
        self._log.seek(0)
        lines = self._log.read().strip().splitlines()
        return lines[-1][-_LAST:] if lines else "it said nothing"


def serve(make: Callable[[], tuple[Reply, Operations]], refusals: type[Exception]) -> int:
    """Answer requests from standard input until it ends; `make` gives the first reply and the operations.

    Every process tells its "memory", some in a way of their own. What is printed meanwhile goes to standard error. A
    refusal is told to the asker and ends the process with code 2.
    """
    told = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    try:
        first, operations = make()
        memory_counts_from_here()
        _tell(told, first)
        for line in sys.stdin:
            name, given = json.loads(line)
            _tell(told, ({"memory": memory} | operations)[name](**given))
    except refusals as problem:
        _tell(told, {"error": " ".join(str(problem).split())[:_LAST] or type(problem).__name__})
        return 2
    return 0


def _tell(told: Any, reply: Reply) -> None:
    told.write(json.dumps(reply) + "\n")
    told.flush()


def timed(run: Callable[[int, int], float], heads: Sequence[Sequence[int]], wait: Callable[[], object]) -> Reply:
    """Summed losses with each head changed alone, and the seconds that took; `wait` returns when the device is done."""
    wait()
    begun = time.perf_counter()
    sums = [run(layer, head) for layer, head in heads]
    wait()
    return {"seconds": time.perf_counter() - begun, "setup": 0.0, "sums": sums}


def memory_counts_from_here() -> None:
    """Loading may hold two copies of a model; give them back and let the high-water mark start anew."""
    gc.collect()
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
    with suppress(OSError):
        _RESET.write_text("5")


def memory() -> Reply:
    """The largest resident memory of this process in MiB, since loading where Linux lets one reset the mark."""
    with suppress(OSError):
        for line in _STATUS.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return {"mib": int(line.split()[1]) / 2**10}
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return {"mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit}
