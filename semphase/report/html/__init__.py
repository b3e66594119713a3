"""The report for reading: one HTML file with its style, script and figures inside."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined

from semphase.report import evidence, groups, head, repeat, scale, summarised, wording
from semphase.report.html import beside, plot
from semphase.report.json_report import dumps
from semphase.report.schema import DetailForm, Document, Entry

ICONS = {
    "supported": "M3 8.5l3.2 3.2L13 5",
    "reserved": "M3 8.5l3.2 3.2L13 5",
    "refuted": "M4 4l8 8M12 4l-8 8",
    "inconclusive": "M5.6 6a2.5 2.5 0 1 1 3.4 2.4c-.7.3-1 .8-1 1.5M8 12.4v.4",
    "not-applicable": "M3.5 8h9",
    "error": "M8 3.5v6M8 12v.5",
}
"""A stroke for each verdict, so that none is told by its colour alone."""

JUDGED = frozenset(DetailForm.__annotations__)
"""What a judge put into the detail stands in the card already, but for copies, which the JSON holds."""


def to_html(document: Document, folder: Path) -> str:
    """`report.html`; the figures named by the entries are read from `folder` and embedded."""
    style, script = _text("report.css"), _text("report.js")
    found = groups.groups(document["claims"])
    shown = [entry for group in found for entry in group.entries]
    return (
        _environment()
        .get_template("report.html.j2")
        .render(
            run=document["run"],
            groups=found,
            bar=head.share(found),
            headline=head.headline(document),
            facts=list(head.facts(document)),
            commit=head.commit(document["run"]),
            sentence=wording.summary_line(document),
            beside=beside.beside(document),
            elsewhere=_elsewhere(document),
            legend=wording.LEGEND,
            figures=_figures(document, folder),
            homes=_homes(shown),
            choices=_choices(shown),
            icon=lambda name: ICONS.get(name, ICONS["error"]),
            judged=JUDGED,
            style=style,
            script=script,
            hashes=[_source_hash(text) for text in (style, script)],
        )
    )


def anchor(entry: Entry) -> str:
    """The id of the entry's card."""
    return "-".join(f"{entry['id']}@{entry['model'] or ''}".removesuffix("@").split())


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("semphase.report.html", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        anchor=anchor,
        target=lambda entry: f"#{quote(anchor(entry))}",
        interval=wording.interval,
        number=wording.number,
        duration=head.duration,
        json=dumps,
        word=_word,
        rule=wording.rule,
        published=wording.published,
        registration=wording.registration,
        status=_status,
        verification=wording.verification_lines,
        conclusion=wording.conclusion,
        remarks=lambda entry: list(groups.remarks(entry)),
        evidence=evidence.evidence,
        summarised=lambda detail: list(summarised.summarised(detail)),
        standing=_standing,
        rows=plot.rows,
        axis=plot.axis,
        spark=plot.spark,
        repeating=repeat.repeating,
        named=_named,
        signs=_signs,
    )
    return environment


def _text(name: str) -> str:
    return (files("semphase.report.html") / name).read_text(encoding="utf-8")


def _source_hash(text: str) -> str:
    """The source that a content security policy allows: this very text between its tags."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _figures(document: Document, folder: Path) -> dict[str, str]:
    """Relative path to data URI, each figure once, of those that were drawn."""
    named = dict.fromkeys(path for entry in document["claims"] for path in entry["figures"])
    paths = [path for path in named if (folder / path).is_file()]
    encoded = {path: base64.b64encode((folder / path).read_bytes()).decode() for path in paths}
    return {path: f"data:image/png;base64,{content}" for path, content in encoded.items()}


def _homes(entries: Sequence[Entry]) -> dict[str, str]:
    """For each figure the card that shows it; other claims that name it have a link."""
    found: dict[str, str] = {}
    for entry in entries:
        for path in entry["figures"]:
            found.setdefault(path, anchor(entry))
    return found


def _elsewhere(document: Document) -> dict[str, list[Entry]]:
    """The entries of a claim that has several."""
    found: dict[str, list[Entry]] = {}
    for entry in document["claims"]:
        found.setdefault(entry["id"], []).append(entry)
    return {name: entries for name, entries in found.items() if len(entries) > 1}


def _choices(entries: Sequence[Entry]) -> dict[str, list[str]]:
    """What the filters offer, in order of appearance; of one thing alone there is no choice."""
    found = {
        "verdict": [_word(entry) for entry in entries],
        "group": sorted(entry["group"] for entry in entries),
        "model": [entry["model"] or "no model" for entry in entries],
        "registration": [_status(entry) for entry in entries],
    }
    told = {name: list(dict.fromkeys(values)) for name, values in found.items()}
    return {name: values for name, values in told.items() if len(values) > 1}


def _word(entry: Entry) -> str:
    """The verdict in words."""
    return (entry["verdict"] or "error").replace("-", " ")


def _status(entry: Entry) -> str:
    """The registration for the filter; "not told" in reports from before registries."""
    return entry["registration"]["status"] if "registration" in entry else "not told"


def _standing(entry: Entry) -> str:
    """The place in the order by estimate relative to threshold, as a script reads it; empty where there is none."""
    found = scale.standing(entry)
    return "" if found is None else str(found).replace("inf", "Infinity")


def _named(path: str) -> str:
    """A figure's name in words."""
    return path.rsplit("/", 1)[-1].removesuffix(".png").replace("-", " ")


def _signs(text: str) -> str:
    """Comparisons by their signs."""
    return text.replace(">=", "≥").replace("<=", "≤")
