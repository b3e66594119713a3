"""What a JUnit file says of a verdict, as properties of its test case."""

from __future__ import annotations

from collections.abc import Iterator

from semphase.report.schema import Entry


def properties(entry: Entry) -> list[tuple[str, str]]:
    """Names and values, of what the entry has; numbers with all their digits, truth as "true" or "false".

    Firm or nominal is not among them: that is known when all claims of a run are judged.
    """
    return [(name, _told(value)) for name, value in _values(entry) if value is not None]


def _values(entry: Entry) -> Iterator[tuple[str, object]]:
    estimate, control, threshold = entry["estimate"], entry["control"], entry["threshold"]
    yield "claim", entry["id"]
    yield "model", entry["model"]
    yield "verdict", entry["verdict"] or "error"
    yield "point", entry["point"]
    if estimate is not None:
        yield from ((name, estimate[name]) for name in ("value", "low", "high"))
        yield "unit", estimate["unit"] or None
    if isinstance(threshold, list):
        yield from zip(("threshold_low", "threshold_high"), threshold, strict=True)
    else:
        yield "threshold", threshold
    if control is not None:
        yield "control", control["name"]
        yield "control_value", control["estimate"]["value"]
        yield "relation", control.get("relation")
    yield "specific", entry["specific"]
    yield "fragile", entry["universes"]["fragile"] if "universes" in entry else None
    yield "scope", entry["scope"]["kind"] if "scope" in entry else None
    yield "registry", entry["registration"]["status"] if "registration" in entry else None
    yield "reason", entry["reason"] or None


def _told(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
