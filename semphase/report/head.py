"""What stands above the claims: on what they were judged, and how many came to what."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from semphase.report import wording
from semphase.report.groups import Group
from semphase.report.schema import Document, Run


def headline(document: Document) -> str:
    """How many claims, and on which models."""
    number = len({entry["id"] for entry in document["claims"]})
    models = [model["name"] for model in document["run"]["models"]]
    told = f"{number} claim{'' if number == 1 else 's'}"
    return f"{told} on {_listed(models)}" if models else told


def facts(document: Document) -> Iterator[tuple[str, str]]:
    """What the run was made with, a few words for each thing."""
    run = document["run"]
    for model in run["models"]:
        yield "Model", _model(dict(model))
    if corpus := run["corpus"]:
        yield "Corpus", f"{corpus.get('name')}, {_thousands(corpus.get('tokens'))} tokens"
    if lexicon := run["lexicon"]:
        yield "Lexicon", f"{lexicon.get('words')} words"
    yield "Budget", f"{run['budget']}, seed {run['seed']}"
    yield "Commit", commit(run)
    yield "Judged", f"{run['started'][:10]}, {duration(run['seconds'])} on {run['device'] or 'no device'}"
    kinds = Counter(entry["scope"]["kind"] for entry in document["claims"] if "scope" in entry and entry["model"])
    if kinds:
        yield "Scope", ", ".join(f"{kind} {count}" for kind, count in kinds.most_common())


def commit(run: Run) -> str:
    """The revision of the code, and whether files differed from it."""
    git = run["git"]
    if not git:
        return "not known"
    return f"{str(git.get('revision'))[:12]}{', with changes' if git.get('dirty') else ''}"


def duration(seconds: float) -> str:
    """Seconds, minutes or hours, as people say it."""
    if seconds < 120:
        return f"{seconds:.3g} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def share(groups: list[Group]) -> list[tuple[Group, float, float]]:
    """Each group with the start and the width of its part of a bar, in per cent."""
    total, start, found = sum(len(group.entries) for group in groups), 0.0, []
    for group in groups:
        width = 100 * len(group.entries) / total
        found.append((group, round(start, 3), round(width, 3)))
        start += width
    return found


def _model(model: dict[str, object]) -> str:
    size = model.get("parameters")
    told = [f"{wording.number(size / 1e6)}M parameters"] if isinstance(size, int | float) else []
    told += [f"{model[key]} {key}" for key in ("layers", "heads") if key in model]
    return f"{model['name']}" + (f" ({', '.join(told)})" if told else "")


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _thousands(count: object) -> str:
    return f"{count:,}" if isinstance(count, int) else str(count)
