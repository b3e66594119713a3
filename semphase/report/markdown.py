"""The report for a pull request or a notebook: `verdicts.md`."""

from __future__ import annotations

from collections.abc import Iterable

from semphase.report.schema import Document, Entry, Run
from semphase.report.wording import (
    NOTHING,
    contrast,
    control,
    interval,
    leading,
    number,
    population,
    published,
    registration,
    relation,
    rule,
    strength,
    summary_line,
    undecided,
    universes,
    verdict,
    verification_lines,
)

_HEADS = (
    "claim",
    "estimate",
    "population",
    "criterion",
    "verdict",
    "strength",
    "published",
    "control",
    "relation",
    "contrast",
    "p (Holm)",
    "universes",
    "registered",
)


def to_markdown(document: Document) -> str:
    """One table for each model, the reasons beneath it, and where the numbers come from."""
    entries = leading(document["claims"])
    sections = [_study(model, entries) for model in _models(entries)]
    parts = ["# Verdicts", summary_line(document), *_verification(document["run"]), *sections, _origin(document["run"])]
    return "\n\n".join(parts) + "\n"


def _verification(run: Run) -> list[str]:
    """What `--verify` concluded, where the run had it."""
    if "verification" not in run:
        return []
    form = run["verification"]
    told = [f"- {_flat(line)}" for line in verification_lines(form)]
    return ["\n".join([f"## Verification: {'passed' if form['passed'] else 'failed'}", "", *told])]


def _study(model: str | None, entries: Iterable[Entry]) -> str:
    chosen = [entry for entry in entries if entry["model"] == model]
    rows = [_row(_HEADS), _row("---" for _ in _HEADS), *(_row(_cells(entry)) for entry in chosen)]
    reasons = [f"- `{entry['id']}`: {_flat(entry['reason'])}" for entry in chosen if entry["reason"]]
    reasons += [f"- `{entry['id']}`: {undecided(entry)}" for entry in chosen if undecided(entry) != NOTHING]
    return "\n".join([f"## {model or 'Without a model'}", "", *rows, *([""] if reasons else []), *reasons])


def _cells(entry: Entry) -> Iterable[str]:
    estimate, adjusted = entry["estimate"], entry["p_adjusted"]
    return (
        f"`{entry['id']}`",
        interval(estimate) if estimate else NOTHING,
        population(entry),
        rule(entry),
        f"**{verdict(entry)}**",
        strength(entry),
        published(entry),
        control(entry),
        relation(entry),
        contrast(entry),
        NOTHING if adjusted is None else number(adjusted),
        universes(entry),
        registration(entry),
    )


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(_flat(cell).replace('|', chr(92) + '|') for cell in cells)} |"


def _origin(run: Run) -> str:
    corpus, lexicon, git = run["corpus"], run["lexicon"], run["git"]
    versions = ", ".join(f"{name} {version}" for name, version in run["versions"].items())
    told = [
        f"- command: `{_flat(run['command'])}`",
        f"- started {run['started']}, {run['seconds']:.0f} s, device {run['device'] or NOTHING}",
        f"- budget {run['budget']}, seed {run['seed']}",
        f"- corpus: {corpus['name']}, {corpus['tokens']} tokens, `{corpus['sha256'][:12]}`" if corpus else "",
        f"- lexicon: {lexicon['words']} words, `{lexicon['sha256'][:12]}`" if lexicon else "",
        f"- code: `{git['revision'][:12]}`{' with changes' if git['dirty'] else ''}" if git else "",
        f"- versions: {versions}",
        *(
            f"- registry: `{path}`, {form['length']} lines, head `{form['head'][:12]}`"
            for path, form in run.get("registry", {}).items()
        ),
        *(f"- note: {_flat(notice)}" for notice in run.get("notices", [])),
    ]
    return "\n".join(["## Origin", "", *filter(None, told)])


def _models(entries: Iterable[Entry]) -> list[str | None]:
    return list(dict.fromkeys(entry["model"] for entry in entries))


def _flat(text: str) -> str:
    return " ".join(text.split()).replace("<", "&lt;")
