"""The report for a pull request or a notebook: `verdicts.md`, which fits a comment on GitHub."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from semphase.report.groups import Group, groups
from semphase.report.head import commit, headline
from semphase.report.schema import Document, Entry, Run
from semphase.report.wording import (
    NOTHING,
    conclusion,
    interval,
    published,
    relation,
    rule,
    summary_line,
    undecided,
    unregistered,
    verdict,
    verification_lines,
)

COMMENT = 65_536
"""Characters that a comment on GitHub holds; bytes are counted here, which are never fewer."""
LONGEST = 400
MOST_NOTICES = 20
FOLDED = ("not-applicable", "audit")
"""Groups that a reader opens: what says nothing of a model."""
_HEADS = ("claim", "model", "verdict", "estimate", "criterion", "control", "published")


def to_markdown(document: Document) -> str:
    """A summary, a table for each group of claims with the reasons beneath it, and where the numbers come from.

    What is too much for a comment is left out from the end, and a sentence says so.
    """
    found, run = groups(document["claims"]), document["run"]
    above = "\n\n".join([_summary(document, found), summary_line(document), *_verification(run)])
    below = _origin(run)
    room = COMMENT - _size(above) - _size(below) - 400
    shown = _fitting(found, room)
    left = len(document["claims"]) - sum(len(group.entries) for group in shown)
    sections = [_section(group) for group in shown if group.entries]
    return "\n\n".join([above, *sections, *_left_out(left), below]) + "\n"


def _summary(document: Document, found: Sequence[Group]) -> str:
    counts = ", ".join(f"{len(group.entries)} {group.title[0].lower()}{group.title[1:]}" for group in found)
    run = document["run"]
    return f"**{_flat(headline(document))}: {counts}** (budget {run['budget']}, commit {commit(run)})"


def _verification(run: Run) -> list[str]:
    """What `--verify` concluded, where the run had it."""
    if "verification" not in run:
        return []
    form = run["verification"]
    told = [f"- {_flat(line)}" for line in verification_lines(form)[:MOST_NOTICES]]
    return ["\n".join([f"## Verification: {conclusion(form)}", "", *told])]


def _fitting(found: Sequence[Group], room: int) -> list[Group]:
    """The groups with as many of their entries, from the first on, as there is room for."""
    shown = []
    for group in found:
        kept, room = [], room - _size(_section(Group(group.name, ())))
        for entry in group.entries:
            room -= _size("\n".join([_row(_cells(entry)), *_notes(entry)])) + 1
            if room < 0:
                break
            kept.append(entry)
        shown.append(Group(group.name, tuple(kept)))
    return shown


def _left_out(number: int) -> list[str]:
    if not number:
        return []
    told = "1 more verdict does" if number == 1 else f"{number} more verdicts do"
    return [f"{told} not fit into a comment of {COMMENT:,} characters: report.html and verdicts.json hold all."]


def _section(group: Group) -> str:
    rows = [_cells(entry) for entry in group.entries]
    told = [at for at in range(len(_HEADS)) if any(row[at] != NOTHING for row in rows) or not rows]
    lines = [_row(_HEADS[at] for at in told), _row("---" for _ in told)]
    lines += [_row(row[at] for at in told) for row in rows]
    notes = [note for entry in group.entries for note in _notes(entry)]
    body = "\n".join([*lines, *([""] if notes else []), *notes])
    title = f"{group.title}: {len(group.entries)}"
    if group.name in FOLDED:
        return f"<details><summary>{title}. {group.meaning}</summary>\n\n{body}\n\n</details>"
    return f"## {title}\n\n{group.meaning}\n\n{body}"


def _cells(entry: Entry) -> tuple[str, ...]:
    estimate, control = entry["estimate"], entry["control"]
    return (
        f"`{entry['id']}`",
        entry["model"] or NOTHING,
        f"**{verdict(entry)}**",
        interval(estimate) if estimate else NOTHING,
        rule(entry),
        f"{interval(control['estimate'])}, {relation(entry)}" if control else NOTHING,
        published(entry),
    )


def _notes(entry: Entry) -> list[str]:
    """What a row has no room for: the reason, what would decide, what is wrong with the registration."""
    told = (entry["reason"], undecided(entry), unregistered(entry) or "")
    return [f"- `{entry['id']}`{_model(entry)}: {_flat(text)}" for text in told if text not in ("", NOTHING)]


def _model(entry: Entry) -> str:
    return f" on {entry['model']}" if entry["model"] else ""


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(_flat(cell).replace('|', chr(92) + '|') for cell in cells)} |"


def _origin(run: Run) -> str:
    corpus, lexicon, notices = run["corpus"], run["lexicon"], run.get("notices", [])
    versions = ", ".join(f"{name} {version}" for name, version in run["versions"].items())
    told = [
        f"- command: `{_flat(run['command'])}`",
        f"- started {run['started']}, {run['seconds']:.0f} s, device {run['device'] or NOTHING}",
        f"- budget {run['budget']}, seed {run['seed']}",
        f"- corpus: {corpus['name']}, {corpus['tokens']} tokens, `{corpus['sha256'][:12]}`" if corpus else "",
        f"- lexicon: {lexicon['words']} words, `{lexicon['sha256'][:12]}`" if lexicon else "",
        f"- code: `{commit(run)}`" if run["git"] else "",
        f"- versions: {_flat(versions)}",
        *(
            f"- registry: `{path}`, {form['length']} lines, head `{form['head'][:12]}`"
            for path, form in run.get("registry", {}).items()
        ),
        *(f"- note: {_flat(notice)}" for notice in notices[:MOST_NOTICES]),
        f"- and {len(notices) - MOST_NOTICES} more notes" if len(notices) > MOST_NOTICES else "",
    ]
    return "\n".join(["## Origin", "", *filter(None, told)])


def _flat(text: str) -> str:
    """One line of text, with what would begin a tag escaped, cut where it is too long for a table."""
    told = " ".join(text.split())
    return (told if len(told) <= LONGEST else f"{told[:LONGEST]}…").replace("<", "&lt;")


def _size(text: str) -> int:
    return len(text.encode(errors="replace"))
