"""How the reports for people word an entry: numbers, rules, the control's answer, the summary."""

from __future__ import annotations

from collections.abc import Iterable

from semphase.report.schema import Document, Entry, EstimateForm

NOTHING = "–"
LEGEND = (
    ("supported", "the whole 95 % interval meets the criterion"),
    ("refuted", "none of the interval meets it"),
    ("inconclusive", "part of the interval meets it"),
    ("not-applicable", "the study lacks what the claim needs"),
    (
        "speaks of",
        "what was sampled: another sample of as many would give a value inside the interval in 95 % of cases",
    ),
    (
        "relation",
        "whether the criterion is met by the model only, by its control too, by the control only, or by neither",
    ),
    ("contrast", "by how much the model's distance to the threshold exceeds the control's, in the estimate's unit"),
    ("specific", "supported for the model only, by more than its control's copies differ from each other"),
    (
        "firm, nominal",
        "the verdict stays when all claims of the registry are counted (Holm at 2.5 %), or holds by itself",
    ),
    ("registered", "since when the claim says what it says; an unregistered one may have been fitted to its data"),
)


def number(value: float | None) -> str:
    """Four significant digits, large numbers as integers; an unbounded end is ∞."""
    if value is None:
        return "∞"
    return f"{value:.0f}" if 1e4 <= abs(value) < 1e9 else f"{value:.4g}"


def interval(estimate: EstimateForm) -> str:
    """The value, its interval and its unit; a census is exact."""
    unit = f" {estimate['unit']}" if estimate["unit"] else ""
    if estimate.get("population") == ["census"]:
        return f"{number(estimate['value'])} exact{unit}"
    low = "−∞" if estimate["low"] is None else number(estimate["low"])
    return f"{number(estimate['value'])} [{low}, {number(estimate['high'])}]{unit}"


def population(estimate: EstimateForm | None) -> str:
    """What an estimate speaks of: "26 words", "1326 prompts and 4 seeds"; a dash where nobody said."""
    if estimate is None or not estimate.get("population"):
        return NOTHING
    kinds = [_plural(kind) for kind in estimate["population"]]
    counted = [f"{count} {kind}" for count, kind in zip(estimate["units"], kinds, strict=False)]
    return " and ".join(counted or kinds)


def _plural(kind: str) -> str:
    return {"text": "blocks of text", "rounding": "rounded figures", "census": "things, all there are"}.get(kind, kind)


def rule(entry: Entry) -> str:
    """The deciding part of the criterion, short."""
    deciding = next((part for part in entry["detail"].get("parts", ()) if part["deciding"]), None)
    if deciding is None:
        return NOTHING
    text: str = deciding["criterion"]
    return text.removeprefix("estimate").lstrip(" :") or text


def verdict(entry: Entry) -> str:
    """The verdict with what its reader must not miss: other data, no specificity, a change, a broken measurement."""
    if entry["verdict"] is None:
        return "error"
    warnings = [f" ({entry['scope']['kind']})"] if "scope" in entry else []
    if not_specific(entry):
        warnings.append(" (not specific)")
    if entry["outcome"] == "error":
        warnings.append(" (broke afterwards)")
    if entry["outcome"] == "failed" and entry["verdict"] != "refuted":
        warnings.append(" (unexpected)")
    return entry["verdict"] + "".join(warnings)


def not_specific(entry: Entry) -> bool:
    """True where the claim is supported, but not told from its control."""
    return entry["verdict"] == "supported" and entry["specific"] is False


def strength(entry: Entry) -> str:
    """Firm, nominal, or a dash where nothing is decided."""
    return entry["strength"] or NOTHING


def relation(entry: Entry) -> str:
    """Who meets the criterion; a dash without a control."""
    return (entry["control"]["relation"] or NOTHING) if entry["control"] else NOTHING


def contrast(entry: Entry) -> str:
    """The contrast with its interval; a dash without one."""
    found = entry["control"]["contrast"] if entry["control"] else None
    return interval(found) if found else NOTHING


def leading(entries: Iterable[Entry]) -> list[Entry]:
    """For people: of each model the specific claims first, in the report's order."""
    return sorted(entries, key=lambda entry: (entry["model"] or "", not (entry["specific"] and _supported(entry))))


def _supported(entry: Entry) -> bool:
    return entry["verdict"] == "supported"


def control(entry: Entry) -> str:
    """The control's name and estimate."""
    found = entry["control"]
    return f"{found['name']}: {interval(found['estimate'])}" if found else NOTHING


def published(entry: Entry) -> str:
    """The source's verdict."""
    return entry["published"]["verdict"] if entry["published"] else NOTHING


def registration(entry: Entry) -> str:
    """The date of the claim's registration, or what is wrong with it; a dash in reports from before registries."""
    return registered(**entry["registration"]) if "registration" in entry else NOTHING


def registered(status: str, date: str | None) -> str:
    """A registration in a few words."""
    return {"registered": date or "yes", "changed": f"changed since {date}"}.get(status, status)


def unregistered(entry: Entry) -> str | None:
    """What is wrong with the claim's registration; None where nothing is, or where nobody looked."""
    found = entry.get("registration")
    return None if found is None or found["status"] == "registered" else registered(**found)


def summary_line(document: Document) -> str:
    """All counts in one sentence, and how much was measured for them."""
    counts, entries = document["summary"], len(document["claims"])
    return (
        f"{entries} {'claim' if entries == 1 else 'claims'}: {counts['supported']} supported "
        f"({counts['specific']} specific), "
        f"{counts['refuted']} refuted, {counts['inconclusive']} inconclusive, "
        f"{counts['not_applicable']} not applicable; {counts['firm']} firm, {counts['nominal']} nominal; "
        f"{counts['failed']} failed or broke "
        f"(budget {document['run']['budget']})"
    )
