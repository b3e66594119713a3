"""The registry: an append-only log of what every claim said and how it was computed, and since when.

`registry.jsonl` stands beside the claims. Each line is a JSON object with `id`, `date` (ISO, UTC), `reason`, the hashes
`rule` and `code`, perhaps `golden` (hashes of outputs by the circumstances of the run, those of universes apart), and
`previous`, the SHA-256 of the line before, so that no line can be edited, moved or dropped without breaking all that
follow. A line whose `id` and `rule` are null is a remark. The hash of the last line (the head) and the number of lines
stand in every report: they show a tail that was cut, or a log that was written anew. Lines from before code was hashed
have a date alone and no `code`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

from filelock import FileLock

from semphase.errors import SemphaseError
from semphase.files import write_or_refuse
from semphase.verdict.claim import Claim
from semphase.verdict.frozen import Frozen

NAME = "registry.jsonl"
Status = Literal["registered", "amended", "re-implemented", "changed", "unregistered", "after measurement", "unknown"]
Golden = Mapping[str, str]
"""Hashes of a claim's outputs by the hashes of the circumstances under which a run found them."""
UNIVERSES = " universes"
"""Ends the name of circumstances where the output is what the universes came to; it stands beside the claim's own."""
FUTURE, SLACK = timedelta(days=1), timedelta(minutes=5)
"""How far ahead of ours, and how far behind one another, the clocks of machines that wrote lines may be."""


@dataclass(frozen=True, slots=True)
class Line:
    """One registration, amendment or re-implementation; a remark where `id` and `rule` are None."""

    id: str | None
    date: str
    reason: str
    rule: str | None
    code: str | None
    golden: Golden | None
    previous: str | None

    @property
    def day(self) -> str:
        """The date without the time."""
        return self.date[:10]


@dataclass(frozen=True, slots=True)
class Entered:
    """What is to become a line."""

    own: Frozen
    reason: str = ""
    golden: Golden | None = None


@dataclass(frozen=True, slots=True)
class Registration:
    """How a claim stands to its registry: `date` is that of its last line there, None without one.

    `rule` and `code` are the hashes of the claim as it is; `remarks` say what else a reader has to know.
    """

    status: Status
    date: str | None
    rule: str
    code: str
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Registry:
    """The lines of a registry, oldest first, and the SHA-256 of each."""

    path: Path
    lines: tuple[Line, ...] = ()
    hashes: tuple[str, ...] = ()

    @property
    def head(self) -> str | None:
        """The SHA-256 of the last line; None while there is none."""
        return self.hashes[-1] if self.hashes else None

    def ids(self) -> set[str]:
        """Every claim that was ever registered."""
        return {line.id for line in self.lines if line.id is not None}

    def latest(self, claim_id: str) -> Line | None:
        """The line that counts for a claim: its last."""
        return next((line for line in reversed(self.lines) if line.id == claim_id), None)

    def registration(self, own: Frozen) -> Registration:
        """Does the claim stand there as it is, and was it amended or re-implemented on the way?"""
        line = self.latest(own.id)
        if line is None:
            return Registration("unregistered", None, own.rule, own.code)
        status: Status = _standing(self._of(own.id)) if holds_rule(line, own) and holds_code(line, own) else "changed"
        return Registration(status, line.date, own.rule, own.code)

    def registered_after(self, claim_id: str, judged: datetime) -> bool:
        """Was the claim registered first after a moment? A line with a date alone counts from the beginning of its day."""
        first = next(self._of(claim_id), None)
        return first is not None and _moment(first.date) > judged

    def holds(self, head: str | None, length: int) -> bool:
        """Does it still begin with the `length` lines that ended in `head` when somebody looked?"""
        return 0 <= length <= len(self.hashes) and (self.hashes[length - 1] if length else None) == head

    def _of(self, claim_id: str) -> Iterator[Line]:
        return (line for line in self.lines if line.id == claim_id)


def holds_rule(line: Line, own: Frozen) -> bool:
    """Does the claim say what it said when the line was written?"""
    return line.rule == (own.rule if line.code is not None else _rule_before_code(own.claim))


def holds_code(line: Line, own: Frozen) -> bool:
    """Does the claim's code do what it did when the line was written, as far as the line knows?"""
    return line.code is None or line.code == own.code


def agrees(golden: Golden | None, found: Golden) -> bool:
    """Are outputs equal wherever circumstances are, and is there one such pair?"""
    return any(name in (golden or {}) for name in found) and not differs(golden, found)


def differs(golden: Golden | None, found: Golden) -> bool:
    """Is an output another than the one that was kept under the same circumstances?"""
    return any(golden[name] != found[name] for name in found if name in golden) if golden else False


def kept_since(known: Registry, claim_id: str, length: int) -> list[Line]:
    """A claim's line that counted when there were so many, and those that came later, as far as they kept output."""
    own = [(place, line) for place, line in enumerate(known.lines) if line.id == claim_id]
    last = max((place for place, _ in own if place < length), default=0)
    return [line for place, line in own if place >= last and line.golden]


def misdated(known: Registry, now: datetime) -> Iterator[tuple[int, Line, str]]:
    """The lines whose dates cannot be true, by their numbers from 1, with what is wrong.

    Lines from before code was hashed are compared with none of their kind: they were collected from older logs.
    """
    above: Line | None = None
    for number, line in enumerate(known.lines, 1):
        if _moment(line.date) > now + FUTURE:
            yield number, line, f"line {number} is dated in the future, {line.date}"
        elif above is not None and _is_before(line, above):
            yield number, line, f"line {number} is dated {line.date}, before the line above it"
        above = line if line.code is not None else above


def _is_before(line: Line, above: Line) -> bool:
    if len(line.date) == len(line.day) or len(above.date) == len(above.day):
        return line.day < above.day  # of a date alone no more is known
    return _moment(line.date) < _moment(above.date) - SLACK


def beside(file: Path) -> Path:
    """Where the registry for the claims of a file lies, there or not."""
    return file.parent / NAME


def read(path: Path) -> Registry:
    """The registry at a path, empty where there is none; SemphaseError where it was cut, edited or cannot be read."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return Registry(path)
    except OSError as problem:
        raise SemphaseError(f"the registry {path} cannot be read: {problem.strerror or problem}") from problem
    return parse(content, path)


def append(path: Path, choose: Callable[[Registry], Sequence[Entered]], now: datetime) -> list[Line]:
    """Append what `choose` picks, seeing the registry as it stands.

    Nobody else appends meanwhile, and the lines appear together or not at all. Returns them.
    """
    if not path.parent.is_dir():
        raise SemphaseError(f"there is no folder {path.parent} for a registry")
    try:
        with FileLock(path.with_name(f".{path.name}.lock")):
            registry = read(path)
            chained = list(_chained(choose(registry), registry.head, now))
            if chained:
                old = path.read_bytes() if path.exists() else b""
                write_or_refuse(path, old + b"".join(_encoded(line) + b"\n" for line in chained), "the registry")
    except OSError as problem:
        raise SemphaseError(f"the registry {path} cannot be locked: {problem.strerror or problem}") from problem
    return chained


def parse(content: bytes, path: Path) -> Registry:
    """The registry that a file holds; SemphaseError, naming the path, where it was cut or edited."""
    *rows, rest = [row.removesuffix(b"\r") for row in content.split(b"\n")]
    if rest:
        raise SemphaseError(f"the registry {path} is cut short in line {len(rows) + 1}: restore it")
    lines, hashes = [], [_hash(row) for row in rows]
    for number, (row, previous) in enumerate(zip(rows, [None, *hashes], strict=False), 1):
        line = _line(row, f"line {number} of the registry {path}")
        if line.previous != previous:
            raise SemphaseError(
                f"line {number} of the registry {path} does not follow from the one before it, so lines were edited, "
                "dropped or merged: restore the file and register again what came after"
            )
        lines.append(line)
    return Registry(path, tuple(lines), tuple(hashes))


def _standing(lines: Iterator[Line]) -> Status:
    """What the lines of a claim that stands as it was registered amount to; an amendment is never taken back."""
    status: Status = "registered"
    for before, after in pairwise(lines):
        if (before.rule, before.code) == (after.rule, after.code):
            status = "amended" if differs(before.golden, after.golden or {}) else status
            continue
        same = before.rule == after.rule and agrees(before.golden, after.golden or {})
        status = "re-implemented" if same and status != "amended" else "amended"
    return status


def _chained(chosen: Sequence[Entered], head: str | None, now: datetime) -> Iterator[Line]:
    date = now.astimezone(UTC).isoformat(timespec="milliseconds")
    for one in chosen:
        line = Line(one.own.id, date, one.reason, one.own.rule, one.own.code, one.golden, head)
        head = _hash(_encoded(line))
        yield line


def _encoded(line: Line) -> bytes:
    told = {name: value for name, value in asdict(line).items() if name != "golden" or value}
    return json.dumps(told, ensure_ascii=False).encode(errors="replace")


def _hash(row: bytes) -> str:
    return hashlib.sha256(row).hexdigest()


def _moment(date: str) -> datetime:
    found = datetime.fromisoformat(date)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _rule_before_code(claim: Claim) -> str:
    """The rule's hash in lines that were written before code was hashed."""
    frozen = {
        "statement": claim.statement,
        "criterion": claim.criterion,
        "parts": [repr(part) for part in claim.parts],
        "combine": claim.combine,
        "estimator": claim.estimator,
        "unit": claim.unit,
    }
    return hashlib.sha256(json.dumps(frozen, sort_keys=True).encode()).hexdigest()


def _line(row: bytes, where: str) -> Line:
    try:
        found: Any = json.loads(row)
        told = {name: found[name] for name in ("id", "date", "reason", "rule", "previous")}
        line = Line(**told, code=found.get("code"), golden=found.get("golden"))
        _moment(line.date)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as problem:
        raise SemphaseError(f"{where} is no registration with id, date, reason, rule and previous") from problem
    hashes = [value for value in (line.id, line.rule, line.code, line.previous) if value is not None]
    golden = line.golden if isinstance(line.golden, dict) else {} if line.golden is None else {None: None}
    texts = (line.reason, *hashes, *golden, *golden.values())
    if not all(isinstance(text, str) for text in texts) or (line.id is None) != (line.rule is None):
        raise SemphaseError(f"{where} is no registration with id, date, reason, rule and previous")
    return line
