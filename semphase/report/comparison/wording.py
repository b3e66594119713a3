"""A comparison in words, for the terminal and the page."""

from __future__ import annotations

from semphase.report.comparison.compared import HEADINGS, Comparison, Row
from semphase.report.schema import Entry, EstimateForm
from semphase.report.wording import NOTHING, interval, verdict
from semphase.verdict.plain import plain

LEGEND = (
    ("change", "the later estimate less the earlier one, with its 95 % interval"),
    ("paired", "both runs kept what each unit contributes, or their details hold it: what the units share cancels"),
    ("as independent", "from the two intervals alone; where the runs share units, a paired interval would be narrower"),
)


def before(row: Row) -> str:
    """What the earlier run said, and its estimate."""
    return _told(row.pair.before)


def after(row: Row) -> str:
    """What the later run said, and its estimate."""
    return _told(row.pair.after)


def changed(row: Row) -> str:
    """By how much, and how that is known; a dash where nothing can be subtracted."""
    change, how = row.shift.change, row.shift.how
    if change is None:
        return how or NOTHING
    form: EstimateForm = plain(change)
    sign = "+" if change.value > 0 else ""
    return f"{sign}{interval(form)}" + (f" ({how})" if how != "exact" else "")


def sentence(found: Comparison) -> str:
    """All counts in one sentence."""
    counts = found.counts()
    told = [f"{number} {HEADINGS[kind]}" for kind, number in counts.items() if kind != "none"]
    claims = f"{len(found.rows)} {'claim' if len(found.rows) == 1 else 'claims'}"
    if not told:
        return f"{claims}: nothing changed"
    return f"{claims}: {', '.join(told)}; {counts.get('none', 0)} unchanged"


def _told(entry: Entry | None) -> str:
    if entry is None:
        return NOTHING
    estimate = f" {interval(entry['estimate'])}" if entry["estimate"] else ""
    return f"{verdict(entry)}{estimate}"
