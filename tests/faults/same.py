"""When two reports are the same: byte for byte, but for what names the run, its times and its places."""

from __future__ import annotations

import json
from typing import Any

OF_RUN = ("id", "started", "seconds", "command", "git", "restored", "registry")
"""Names, times and paths of a run; `restored` says how many verdicts the store had."""
OF_CLAIM = ("seconds",)


def timeless(document: dict[str, Any], *, notices: bool = True) -> str:
    """The text of a report without those; without its notices where a fault has to leave one."""
    run = {key: value for key, value in document["run"].items() if key not in OF_RUN}
    if not notices:
        run.pop("notices", None)
    claims = [{key: value for key, value in own.items() if key not in OF_CLAIM} for own in document["claims"]]
    return json.dumps(document | {"run": run, "claims": claims}, indent=1, sort_keys=True)


def differing(one: dict[str, Any] | None, other: dict[str, Any] | None, *, notices: bool = True) -> str:
    """Where two reports differ, in a line; empty where they are the same."""
    if one is None or other is None:
        return "" if one is other else "one of two reports is missing"
    first, second = (timeless(own, notices=notices).splitlines() for own in (one, other))
    for line, against in zip(first, second, strict=False):
        if line != against:
            return f"{line.strip()[:80]} against {against.strip()[:80]}"
    return "" if len(first) == len(second) else "one report is longer"
