"""What an archive says of itself: RO-Crate 1.1 metadata (JSON-LD), with the SHA-256 and the size of every file.

The form is that of https://www.researchobject.org/ro-crate/specification/1.1/; `sha256` is schema.org's term, which is
younger than the context of 1.1 and added to it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote, unquote

from semphase.errors import SemphaseError
from semphase.report.schema import Run

METADATA = "ro-crate-metadata.json"
_CRATE = "https://w3id.org/ro/crate/1.1"
_CONTEXT = [f"{_CRATE}/context", {"sha256": "https://schema.org/sha256"}]
_LICENSE = "none stated: ask whoever published the archive"
_ENCODINGS = {
    ".json": "application/json",
    ".jsonl": "application/jsonl",
    ".md": "text/markdown",
    ".html": "text/html",
    ".png": "image/png",
    ".py": "text/x-python",
    ".toml": "application/toml",
    ".txt": "text/plain",
    ".sha256": "text/plain",
    ".nc": "application/netcdf",
}
_HEX = frozenset("0123456789abcdef")


@dataclass(frozen=True, slots=True)
class Held:
    """A file of an archive: its path there, its size in bytes and its SHA-256."""

    name: str
    size: int
    sha256: str


def metadata(run: Run, told: str, files: Sequence[Held]) -> bytes:
    """The metadata file of an archive that holds these files; `told` says in a sentence what was found."""
    graph = [*_described(run, told, files), *map(_file, files), *_provenance(run)]
    return json.dumps({"@context": _CONTEXT, "@graph": graph}, indent=1, ensure_ascii=False).encode(errors="replace")


def held(content: bytes) -> dict[str, Held]:
    """The files that a metadata file names; SemphaseError where it is none, or says too little of a file."""
    try:
        graph = json.loads(content)["@graph"]
        entities = [own for own in graph if "File" in _types(own)]
        found = {unquote(own["@id"]): own for own in entities}
        files = {name: Held(name, int(own["contentSize"]), str(own["sha256"])) for name, own in found.items()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as problem:
        raise SemphaseError(
            f"{METADATA} is broken ({type(problem).__name__}: {problem}): it is not as it was written"
        ) from None
    if len(files) < len(entities) or not files:
        raise SemphaseError(f"{METADATA} is broken: it names {'a file twice' if files else 'no file'}")
    wrong = [own.name for own in files.values() if len(own.sha256) != 64 or not _HEX.issuperset(own.sha256)]
    if wrong:
        raise SemphaseError(f"{METADATA} is broken: it has no SHA-256 of {wrong[0]}")
    return files


def _types(entity: Any) -> Sequence[str]:
    found = entity["@type"]
    return [found] if isinstance(found, str) else found


def _described(run: Run, told: str, files: Sequence[Held]) -> Iterator[Mapping[str, Any]]:
    yield {
        "@id": METADATA,
        "@type": "CreativeWork",
        "conformsTo": {"@id": _CRATE},
        "about": {"@id": "./"},
    }
    models = ", ".join(model["name"] for model in run["models"]) or "no model"
    yield {
        "@id": "./",
        "@type": "Dataset",
        "name": f"Verdicts on {models}, run {run['id']}",
        "description": f"{told}. Report, claims, data and measurements of a run of semphase; "
        "`semphase check` judges the claims again from the measurements and compares.",
        "datePublished": run["started"],
        "license": _LICENSE,
        "hasPart": [{"@id": _id(own.name)} for own in files],
        "mentions": [{"@id": "#run"}],
    }


def _file(own: Held) -> Mapping[str, Any]:
    path = PurePosixPath(own.name)
    return {
        "@id": _id(own.name),
        "@type": "File",
        "name": path.name,
        "encodingFormat": _ENCODINGS.get(path.suffix, "application/octet-stream"),
        "contentSize": str(own.size),
        "sha256": own.sha256,
    }


def _provenance(run: Run) -> Iterator[Mapping[str, Any]]:
    """The run as an action: which program made the report, of which models."""
    models = {f"#model-{quote(model['name'], safe='')}": model for model in run["models"]}
    begun = datetime.fromisoformat(run["started"])
    yield {
        "@id": "#run",
        "@type": "CreateAction",
        "name": run["command"],
        "startTime": run["started"],
        "endTime": (begun + timedelta(seconds=run["seconds"])).isoformat(timespec="seconds"),
        "instrument": {"@id": "#semphase"},
        "object": [{"@id": name} for name in models],
        "result": [{"@id": "report/verdicts.json"}],
    }
    yield {
        "@id": "#semphase",
        "@type": "SoftwareApplication",
        "name": "semphase",
        "softwareVersion": run["versions"].get("semphase", "unknown"),
        "softwareRequirements": ", ".join(f"{name} {version}" for name, version in run["versions"].items()),
    }
    for name, model in models.items():
        yield {"@id": name, "@type": "CreativeWork", "name": model["name"], "sha256": model.get("sha256", "")}


def _id(name: str) -> str:
    return quote(name)
