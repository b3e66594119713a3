"""The evidence of a verdict in plain words: what was measured, against what, and how far it carries."""

from __future__ import annotations

from collections.abc import Iterator

from semphase.report import wording
from semphase.report.schema import Entry, EstimateForm

THROUGHOUT = {
    "supported": "the whole interval meets it",
    "refuted": "none of the interval meets it",
    "inconclusive": "part of the interval meets it and part does not",
}
BY_TEST = {
    "supported": "the test and the interval meet it",
    "refuted": "they do not meet it",
    "inconclusive": "they leave it open",
}
RELATIONS = {
    "model only": "That misses the criterion, which the model alone meets.",
    "both": "That meets the criterion as well, so the verdict does not set the model apart.",
    "control only": "That meets the criterion, and the model does not.",
    "neither": "That misses the criterion too.",
    "undecided": "Whether that meets the criterion is open, for it or for the model.",
    "yes": "The model is told apart from it.",
    "no": "The model is not told apart from it.",
}
SCOPES = {
    "as published": "As the source measured it",
    "other model": "Another model than the source measured",
    "reduced": "Less than the source measured on",
    "other data": "Other data than the claim names",
    "unstated": "The source does not say what it measured on",
}
STRENGTHS = {
    "firm": "Firm: the verdict holds with all claims counted that could have been decided.",
    "nominal": "Nominal: the verdict holds by itself, and not with all claims counted that could have been decided.",
}


def evidence(entry: Entry) -> list[tuple[str, str]]:
    """Sentences, each with the word for what it tells of; reasons alone where nothing was measured."""
    return [(name, told) for name, told in _told(entry) if told]


def _told(entry: Entry) -> Iterator[tuple[str, str]]:
    estimate = entry["estimate"]
    if estimate is not None:
        yield "measured", f"{_measured(entry, estimate)} {_compared(entry)}".rstrip()
    yield "reason", _sentence(entry["reason"])
    if entry.get("undecided"):
        yield "would decide", _sentence(wording.undecided(entry))
    if estimate is not None:
        yield "control", _control(entry)
    yield "strength", STRENGTHS.get(entry.get("strength") or "", "")
    yield "other analyses", _universes(entry)
    yield "published", _published(entry)
    yield "scope", _scope(entry)
    yield "outcome", _outcome(entry)


def _measured(entry: Entry, estimate: EstimateForm) -> str:
    value = wording.value(estimate)
    unit = f" {estimate['unit']}" if estimate["unit"] else ""
    if wording.exact(estimate):
        return f"{value}{unit}, exactly: all there is was counted."
    low = "−∞" if estimate["low"] is None else wording.number(estimate["low"])
    speaks = wording.population(entry)
    over = "" if speaks == wording.NOTHING else f" over {speaks}"
    ends = f"{low} to {wording.number(estimate['high'])}"
    if estimate.get("population") == ["rounding"]:
        return f"{value}{unit}; the printed digits allow {ends}."
    return f"{value}{unit}, with a {100 * estimate['level']:g} % interval from {ends}{over}."


def _compared(entry: Entry) -> str:
    told = wording.rule(entry)
    if told == wording.NOTHING or entry["verdict"] not in THROUGHOUT:
        return ""
    by_test = entry["p_value"] is not None
    how = (BY_TEST if by_test else THROUGHOUT)[entry["verdict"]]
    p = ""
    if by_test:
        p = f", p = {wording.number(entry['p_value'])} ({wording.number(entry['p_adjusted'])} by Holm over the run)"
    point = {True: ", and the bare value does", False: ", and the bare value does not", None: ""}[entry["point"]]
    return f"The criterion is {told}{p}: {how}{point if entry['verdict'] == 'inconclusive' else ''}."


def _control(entry: Entry) -> str:
    control = entry["control"]
    if control is None:
        return "There is none to compare with."
    told = f"{_capital(control['name'])}: {wording.interval(control['estimate'])}. {RELATIONS[wording.relation(entry)]}"
    contrast = wording.contrast(entry)
    if contrast == wording.NOTHING:
        return told
    return f"{told} By its distance to the threshold the model is ahead of it by {contrast}."


def _universes(entry: Entry) -> str:
    found = entry.get("universes")
    if not found or not found["n"]:
        return ""
    undecided = f"; {found['undecided']} undecided" if found["undecided"] else ""
    turned = " Fragile: one of them gives the opposite verdict or point." if found["fragile"] else ""
    return f"{found['agree']} of {found['n']} give the same verdict{undecided}.{turned}"


def _published(entry: Entry) -> str:
    source = entry["published"]
    if source is None:
        return ""
    value = f" ({source['value']})" if source["value"] else ""
    return f"The source says {source['verdict']}{value}."


def _scope(entry: Entry) -> str:
    if "scope" not in entry or entry["model"] is None:
        return ""
    told = wording.scope(entry).removeprefix(entry["scope"]["kind"]).lstrip(": ")
    return f"{SCOPES[entry['scope']['kind']]}{f': {told}' if told else ''}."


def _outcome(entry: Entry) -> str:
    if wording.unexpected(entry):
        return "Unexpected: another verdict was recorded, or is published, for this model."
    return "The claim's test broke after its verdict." if entry["verdict"] and entry["outcome"] == "error" else ""


def _sentence(text: str) -> str:
    if not text or text == wording.NOTHING:
        return ""
    return _capital(text) + ("" if text.rstrip().endswith((".", "!", "?")) else ".")


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
