"""The report for reading: one HTML file with its style, script and figures inside."""

from __future__ import annotations

import base64
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined

from semphase.report import wording
from semphase.report.json_report import dumps
from semphase.report.schema import Document, Entry
from semphase.report.spark import spark


def to_html(document: Document, folder: Path) -> str:
    """`report.html`; the figures named by the entries are read from `folder` and embedded."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters.update(
        interval=wording.interval,
        number=wording.number,
        json=dumps,
        verdict=wording.verdict,
        rule=wording.rule,
        published=wording.published,
        population=wording.population,
        strength=wording.strength,
        relation=wording.relation,
        contrast=wording.contrast,
        control=wording.control,
        registration=wording.registration,
        scope=wording.scope,
        universes=wording.universes,
        undecided=wording.undecided,
        status=_status,
        verification=wording.verification_lines,
        spark=spark,
    )
    template = environment.from_string((files("semphase.report") / "report.html.j2").read_text(encoding="utf-8"))
    return template.render(
        run=document["run"],
        claims=wording.leading(document["claims"]),
        summary=document["summary"],
        sentence=wording.summary_line(document),
        legend=wording.LEGEND,
        figures=_figures(document, folder),
        choices=_choices(document),
    )


def _figures(document: Document, folder: Path) -> dict[str, str]:
    """Relative path to data URI, each figure once, of those that were drawn."""
    named = dict.fromkeys(path for entry in document["claims"] for path in entry["figures"])
    paths = [path for path in named if (folder / path).is_file()]
    encoded = {path: base64.b64encode((folder / path).read_bytes()).decode() for path in paths}
    return {path: f"data:image/png;base64,{content}" for path, content in encoded.items()}


def _choices(document: Document) -> dict[str, list[Any]]:
    """What the filters offer, in order of appearance."""
    entries = document["claims"]
    return {
        "verdict": list(dict.fromkeys(entry["verdict"] or "error" for entry in entries)),
        "model": list(dict.fromkeys(entry["model"] or "no model" for entry in entries)),
        "registration": list(dict.fromkeys(_status(entry) for entry in entries)),
        "group": list(dict.fromkeys(entry["group"] for entry in entries)),
    }


def _status(entry: Entry) -> str:
    """The registration for the filter; "not told" in reports from before registries."""
    return entry["registration"]["status"] if "registration" in entry else "not told"
