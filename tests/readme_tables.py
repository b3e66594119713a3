"""The README's tables of verdicts, made from the reports that they show: `python tests/readme_tables.py` writes them.

A table stands between `<!-- KIND REPORT… -->` and `<!-- end -->`; REPORT is a folder below the repository. Kinds: "verdicts"
(one report), "groups" and "pair" (reports on two models, together).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from semphase.report import wording

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
BLOCK = re.compile(r"(<!-- (verdicts|groups|pair) ([^>]+?) -->\n)(.*?)(<!-- end -->)", flags=re.DOTALL)
HEADS = ("claim", "estimate", "speaks of", "criterion", "verdict", "published", "relation", "contrast")
VERDICTS = ("supported", "refuted", "inconclusive")
Entry = dict[str, Any]


def rendered(text: str) -> str:
    """The text with every table made anew."""

    def made(block: re.Match[str]) -> str:
        start, kind, reports, _, end = block.groups()
        entries = [entry for report in reports.split() for entry in entries_of(ROOT / report)]
        return f"{start}\n{TABLES[kind](entries)}\n\n{end}"

    return BLOCK.sub(made, text)


def entries_of(report: Path) -> list[Entry]:
    """The claims of a report, in its order."""
    found: list[Entry] = json.loads((report / "verdicts.json").read_text(encoding="utf-8"))["claims"]
    return found


def verdicts(entries: list[Entry]) -> str:
    """A row for each claim that applies, those that do not beneath."""
    judged = wording.leading([entry for entry in entries if entry["verdict"] != "not-applicable"])
    rows = [_cells(entry) for entry in judged]
    others = [f"`{entry['id']}`" for entry in entries if entry["verdict"] == "not-applicable"]
    return _table(HEADS, rows) + (f"\n\nNot applicable: {', '.join(others)}." if others else "")


def groups(entries: list[Entry]) -> str:
    """For each group, how many verdicts of each kind on the first model are the same on the second."""
    by_group: dict[str, list[tuple[Entry, Entry]]] = {}
    for first, second in _pairs(entries):
        by_group.setdefault(first["group"], []).append((first, second))
    heads = ("group", *(f"{name}, on the other too" for name in VERDICTS))
    rows = [(f"`{name}`", *map(_same, [own] * 3, VERDICTS)) for name, own in sorted(by_group.items())]
    every = [pair for own in by_group.values() for pair in own]
    return _table(heads, [*rows, ("all", *map(_same, [every] * 3, VERDICTS))])


def pair(entries: list[Entry]) -> str:
    """Every claim on both models."""
    pairs = list(_pairs(entries))
    names = [own["model"] for own in pairs[0]]
    rows = [
        (
            f"`{first['id']}`",
            _short(first),
            _short(second),
            "yes" if first["verdict"] == second["verdict"] else "**no**",
        )
        for first, second in sorted(pairs, key=lambda own: own[0]["id"])
    ]
    return _table(("claim", *names, "holds"), rows)


TABLES = {"verdicts": verdicts, "groups": groups, "pair": pair}


def _cells(entry: Entry) -> Iterator[str]:
    yield f"`{entry['id']}`"
    yield wording.interval(entry["estimate"])
    yield wording.population(entry)
    yield wording.rule(entry)
    yield wording.verdict(entry) + (f", {entry['strength']}" if entry["strength"] else "")
    yield wording.published(entry)
    yield wording.relation(entry)
    yield wording.contrast(entry)


def _short(entry: Entry) -> str:
    if entry["estimate"] is None:
        return "not applicable"
    return f"{entry['verdict']}{'*' if entry['specific'] else ''}, {wording.interval(entry['estimate'])}"


def _pairs(entries: Iterable[Entry]) -> Iterator[tuple[Entry, Entry]]:
    """Each claim's entries on two models, where there are two."""
    by_id: dict[str, list[Entry]] = {}
    for entry in entries:
        by_id.setdefault(entry["id"], []).append(entry)
    for found in by_id.values():
        if len(found) == 2 and "not-applicable" not in (own["verdict"] for own in found):
            yield found[0], found[1]


def _same(pairs: list[tuple[Entry, Entry]], verdict: str) -> str:
    chosen = [second for first, second in pairs if first["verdict"] == verdict]
    return f"{sum(own['verdict'] == verdict for own in chosen)} of {len(chosen)}" if chosen else wording.NOTHING


def _table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    lines = [tuple(heads), *map(tuple, rows)]
    told = [f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines]
    return "\n".join([told[0], "|---" * len(lines[0]) + "|", *told[1:]])


if __name__ == "__main__":
    README.write_text(rendered(README.read_text(encoding="utf-8")), encoding="utf-8")
