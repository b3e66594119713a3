"""A comparison for reading: one HTML file with its style inside."""

from __future__ import annotations

from importlib.resources import files

from jinja2 import Environment, StrictUndefined

from semphase.report.comparison.compared import HEADINGS, Comparison
from semphase.report.comparison.wording import LEGEND, after, before, changed, sentence


def to_html(found: Comparison) -> str:
    """The page; it needs no network."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters.update(before=before, after=after, changed=changed)
    text = (files("semphase.report.comparison") / "comparison.html.j2").read_text(encoding="utf-8")
    groups = [(HEADINGS[kind], [row for row in found.rows if row.kind == kind]) for kind in found.counts()]
    changes = [group for group in groups if group[0] != HEADINGS["none"]]
    return environment.from_string(text).render(found=found, sentence=sentence(found), groups=changes, legend=LEGEND)
