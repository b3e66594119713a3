"""Writes anew the tables that README and docs show of reports: `nox -s tables`.

A table stands between `<!-- KIND REPORT… -->` and `<!-- end -->`; a REPORT is a folder with a verdicts.json, seen from
the folder of the repository. Kinds: "verdicts" (every claim), "groups" and "pair" (two models), "holds" (the same models
on several lexicons or corpora).
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from semphase.data.lexicon import load
from semphase.errors import SemphaseError
from semphase.models.packaged import lexicon_names, lexicon_path
from semphase.report import wording
from semphase.report.schema import Document, Entry

ROOT = Path(__file__).parent
PAGES = ("*.md", "docs/*.md", "reports/*.md", "fixtures/*.md")
START = r"^<!-- (\S+) ([^>]+?) -->\n"
BLOCK = re.compile(rf"({START})(?:(?!^<!-- ).)*?^(<!-- end -->)$", flags=re.DOTALL | re.MULTILINE)
DECIDED = {"supported", "refuted"}
VERDICTS = ("supported", "refuted", "inconclusive")
STARRED = "\\* not specific: the control meets the criterion as well, or is not told apart."
ANSWERS = {"yes": "hold", "partly": "hold partly", "**no**": "do not", "undecided": "undecided"}
HOLDING = (
    "yes: the same decided verdict in each; **no**: supported in one and refuted in another; partly: decided in some, "
    "undecided in others; undecided: decided in none; a dash: judged on one, or the claim reads nothing of what differs."
)

Named = tuple[str, str]
"""A name and a SHA-256."""
Data = tuple[Named, Named]


@dataclass(frozen=True, slots=True)
class Judged:
    """An entry of a report with the models of the run, in the order in which they were named, and its data."""

    entry: Entry
    models: tuple[str, ...]
    lexicon: Named
    corpus: Named

    @property
    def data(self) -> Data:
        """Lexicon and corpus."""
        return self.lexicon, self.corpus


Table = Callable[[Sequence[Judged]], str]


def pages(root: Path = ROOT) -> list[Path]:
    """The files whose tables are kept."""
    return sorted(page for pattern in PAGES for page in root.glob(pattern))


def rendered(text: str, root: Path = ROOT) -> str:
    """The text with every table made anew; SemphaseError for an unknown kind, no end, or a report that cannot be read."""

    def made(block: re.Match[str]) -> str:
        start, kind, reports, end = block.groups()
        if kind not in TABLES:
            raise SemphaseError(f"there is no table {kind!r}: choose {', '.join(TABLES)}.")
        judged = [own for report in reports.split() for own in judged_in(root / report)]
        return f"{start}\n{TABLES[kind](judged)}\n\n{end}"

    new, count = BLOCK.subn(made, text)
    starts = [line for kind, line in re.findall(START, text, flags=re.MULTILINE) if kind in TABLES]
    if count < len(starts):
        raise SemphaseError(f"of {len(starts)} tables {count} have an end; write `<!-- end -->` below each.")
    return new


def judged_in(report: Path) -> list[Judged]:
    """The entries of a report, in its order."""
    try:
        document: Document = json.loads((report / "verdicts.json").read_text(encoding="utf-8"))
    except (OSError, json.JSONDecodeError) as problem:
        raise SemphaseError(
            f"the report {report} cannot be read ({problem}); name a folder with verdicts.json."
        ) from None
    run = document["run"]
    lexicon, corpus = run["lexicon"] or {"sha256": ""}, run["corpus"] or {"name": "", "sha256": ""}
    told = _lexicons().get(lexicon["sha256"], lexicon["sha256"][:7]), lexicon["sha256"]
    models = tuple(model["name"] for model in run["models"])
    return [Judged(entry, models, told, (corpus["name"], corpus["sha256"])) for entry in document["claims"]]


def verdicts(judged: Sequence[Judged]) -> str:
    """A row for each claim that applies, those that do not beneath; what no entry says has no column."""
    entries = [own.entry for own in judged]
    shown = wording.leading([entry for entry in entries if entry["verdict"] != "not-applicable"])
    columns = [(_head(head, shown), [cell(entry) for entry in shown]) for head, cell in CELLS.items()]
    kept = [(head, cells) for head, cells in columns if any(cell != wording.NOTHING for cell in cells)]
    others = [f"`{entry['id']}`" for entry in entries if entry["verdict"] == "not-applicable"]
    table = _table((head for head, _ in kept), zip(*(cells for _, cells in kept), strict=True))
    return table + (f"\n\nNot applicable: {', '.join(others)}." if others else "")


def groups(judged: Sequence[Judged]) -> str:
    """For each group, how many verdicts of each kind on the first model are the same on the second."""
    by_group: dict[str, list[tuple[Entry, Entry]]] = {}
    for first, second in _pairs(judged):
        by_group.setdefault(first["group"], []).append((first, second))
    heads = ("group", *(f"{name}, on {_models(judged)[1]} too" for name in VERDICTS))
    rows = [(f"`{name}`", *map(_same, [own] * 3, VERDICTS)) for name, own in sorted(by_group.items())]
    every = [pair for own in by_group.values() for pair in own]
    return _table(heads, [*rows, ("all", *map(_same, [every] * 3, VERDICTS))])


def pair(judged: Sequence[Judged]) -> str:
    """Every claim on both models."""
    pairs = sorted(_pairs(judged), key=lambda own: own[0]["id"])
    same = ("yes" if first["verdict"] == second["verdict"] else "**no**" for first, second in pairs)
    rows = [
        (f"`{first['id']}`", _short(first), _short(second), holds)
        for (first, second), holds in zip(pairs, same, strict=True)
    ]
    return _starred(_table(("claim", *_models(judged), "holds"), rows))


def holds(judged: Sequence[Judged]) -> str:
    """Every claim about one model on each lexicon and corpus, for each model whether its verdict is the same on all."""
    found = _by_place(own for own in judged if _single(own.entry))
    names = _names(list(dict.fromkeys(data for _, _, data in found)))
    filled = {(model, data) for _, model, data in found}
    columns = [(model, data) for model in _models(judged) for data in names if (model, data) in filled]
    models = list(dict.fromkeys(model for model, _ in columns))
    answers: dict[str, list[str]] = {model: [] for model in models}
    rows: list[list[str]] = []
    for claim in sorted({claim for claim, _, _ in found}):
        for model in models:
            answers[model].append(_holding([found.get((claim, model, data)) for data in names]))
        cells = [_short(found.get((claim, *column))) for column in columns]
        rows.append([f"`{claim}`", *cells, *(own[-1] for own in answers.values())])
    heads = [", ".join(filter(None, (model, names[data]))) for model, data in columns]
    last = ["holds"] if len(models) == 1 else [f"holds on {model}" for model in models]
    return "\n\n".join([
        _starred(_table(("claim", *heads, *last), rows)),
        " ".join([*(_counted(model, own) for model, own in answers.items()), HOLDING]),
    ])  # fmt: skip


TABLES: dict[str, Table] = {"verdicts": verdicts, "groups": groups, "pair": pair, "holds": holds}


def _full(entry: Entry) -> str:
    return wording.verdict(entry) + (f", {entry['strength']}" if entry.get("strength") else "")


def _estimate(entry: Entry) -> str:
    return wording.interval(entry["estimate"]) if entry["estimate"] else wording.NOTHING


CELLS: dict[str, Callable[[Entry], str]] = {
    "claim": lambda entry: f"`{entry['id']}`",
    "estimate": _estimate,
    "speaks of": wording.population,
    "criterion": wording.rule,
    "verdict": _full,
    "published": wording.published,
    "relation": wording.relation,
    "contrast": wording.contrast,
    "universes": wording.universes,
}


def _head(head: str, entries: Iterable[Entry]) -> str:
    """Reports of schema 1 say whether the control fails, and no relation."""
    controls = [entry["control"] for entry in entries if entry["control"]]
    first = head == "relation" and not any("relation" in control for control in controls)
    return "discriminates" if first else head


def _lexicons() -> dict[str, str]:
    """The names of the packaged lexicons by their hashes."""
    return {load(lexicon_path(name, ROOT)).sha256: name for name in lexicon_names()}


def _short(entry: Entry | None) -> str:
    if entry is None:
        return wording.NOTHING
    if entry["estimate"] is None:
        return "not applicable" if entry["verdict"] else "error"
    star = "\\*" if wording.not_specific(entry) else ""
    return f"{entry['verdict']}{star}, {wording.interval(entry['estimate'])}"


def _starred(table: str) -> str:
    return f"{table}\n\n{STARRED}" if "\\*" in table else table


def _models(judged: Iterable[Judged]) -> list[str]:
    """All models, in the order of the first run that names them."""
    return list(dict.fromkeys(model for own in judged for model in own.models))


def _pairs(judged: Sequence[Judged]) -> Iterator[tuple[Entry, Entry]]:
    """Each claim's entries on two models, where there are two, in one order of the models."""
    by_id: dict[str, dict[str | None, Entry]] = {}
    for own in judged:
        by_id.setdefault(own.entry["id"], {})[own.entry["model"]] = own.entry
    for found in by_id.values():
        both = [found[model] for model in _models(judged) if model in found]
        if len(both) == 2 and "not-applicable" not in (own["verdict"] for own in both):
            yield both[0], both[1]


def _single(entry: Entry) -> bool:
    """Whether an entry is about one model, not about none and not about several together."""
    return bool(entry["model"]) and "+" not in (entry["model"] or "")


def _same(pairs: list[tuple[Entry, Entry]], verdict: str) -> str:
    chosen = [second for first, second in pairs if first["verdict"] == verdict]
    return f"{sum(own['verdict'] == verdict for own in chosen)} of {len(chosen)}" if chosen else wording.NOTHING


def _by_place(judged: Iterable[Judged]) -> dict[tuple[str, str, Data], Entry]:
    """Entries by claim, model and data; SemphaseError where two are of one place."""
    found: dict[tuple[str, str, Data], Entry] = {}
    for own in judged:
        place = own.entry["id"], own.entry["model"] or "", own.data
        if place in found:
            raise SemphaseError(f"{place[0]} on {place[1]} stands in two reports on the same data; name one of them.")
        found[place] = own.entry
    return found


def _names(data: Sequence[Data]) -> dict[Data, str]:
    """What each lexicon and corpus is called, as far as they differ; of those with one name the hash tells more."""
    differing = [own for own in zip(*data, strict=True) if len(set(own)) > 1]
    told = [[_told(one, own) for one in own] for own in differing]
    return {own: ", ".join(parts[number] for parts in told) for number, own in enumerate(data)}


def _told(one: Named, every: Sequence[Named]) -> str:
    name, sha256 = one
    return name if len({own for own in every if own[0] == name}) == 1 else f"{name} {sha256[:7]}"


def _holding(entries: Sequence[Entry | None]) -> str:
    """Whether the verdicts on one model are the same, a dash where no two were reached on different data."""
    judged = [entry for entry in entries if entry and entry["verdict"] in VERDICTS]
    found = [entry["verdict"] for entry in judged]
    decided = DECIDED & set(found)
    if all(_numbers(entry) == _numbers(judged[0]) for entry in judged[1:]):
        return wording.NOTHING
    if len(decided) == 2:
        return "**no**"
    if not decided:
        return "undecided"
    return "yes" if len(set(found)) == 1 else "partly"


def _numbers(entry: Entry) -> tuple[object, ...]:
    """All that was measured; equal to the last digit where a claim reads nothing of what differs."""
    return entry["estimate"], entry["control"], entry["detail"]


def _counted(model: str, answers: Sequence[str]) -> str:
    told = ", ".join(f"{answers.count(answer)} {called}" for answer, called in ANSWERS.items())
    return f"Verdicts on {model}: {told}."


def _table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    lines = [tuple(heads), *map(tuple, rows)]
    told = [f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines]
    return "\n".join([told[0], "|---" * len(lines[0]) + "|", *told[1:]])


if __name__ == "__main__":
    try:
        for path in pages():
            path.write_text(rendered(path.read_text(encoding="utf-8")), encoding="utf-8")
    except SemphaseError as error:
        sys.exit(str(error))
