"""How the reports for people word an entry: numbers, rules, the control's answer, the summary."""

from __future__ import annotations

from semphase.report.schema import Document, Entry, EstimateForm

NOTHING = "–"
LEGEND = (
    ("supported", "the whole 95 % interval meets the criterion"),
    ("refuted", "none of the interval meets it"),
    ("inconclusive", "part of the interval meets it"),
    ("not-applicable", "the study lacks what the claim needs"),
    ("discriminates", "the control, where the claim should fail, does fail; if not, support says nothing"),
    ("registered", "since when the claim says what it says; an unregistered one may have been fitted to its data"),
)


def number(value: float | None) -> str:
    """Four significant digits, large numbers as integers; an unbounded end is ∞."""
    if value is None:
        return "∞"
    return f"{value:.0f}" if 1e4 <= abs(value) < 1e9 else f"{value:.4g}"


def interval(estimate: EstimateForm) -> str:
    """The value, its interval and its unit."""
    low = "−∞" if estimate["low"] is None else number(estimate["low"])
    unit = f" {estimate['unit']}" if estimate["unit"] else ""
    return f"{number(estimate['value'])} [{low}, {number(estimate['high'])}]{unit}"


def rule(entry: Entry) -> str:
    """The deciding part of the criterion, short."""
    deciding = next((part for part in entry["detail"].get("parts", ()) if part["deciding"]), None)
    if deciding is None:
        return NOTHING
    text: str = deciding["criterion"]
    return text.removeprefix("estimate").lstrip(" :") or text


def verdict(entry: Entry) -> str:
    """The verdict with what its reader must not miss: other data, no discrimination, a change, a broken measurement."""
    if entry["verdict"] is None:
        return "error"
    warnings = [f" ({entry['scope']['kind']})"] if "scope" in entry else []
    if not_discriminating(entry):
        warnings.append(" (not discriminating)")
    if entry["outcome"] == "error":
        warnings.append(" (broke afterwards)")
    if entry["outcome"] == "failed" and entry["verdict"] != "refuted":
        warnings.append(" (unexpected)")
    return entry["verdict"] + "".join(warnings)


def not_discriminating(entry: Entry) -> bool:
    """True where the claim is supported and its control as well."""
    control = entry["control"]
    return entry["verdict"] == "supported" and control is not None and not control["discriminating"]


def control(entry: Entry) -> str:
    """The control's name and estimate."""
    found = entry["control"]
    return f"{found['name']}: {interval(found['estimate'])}" if found else NOTHING


def published(entry: Entry) -> str:
    """The source's verdict."""
    return entry["published"]["verdict"] if entry["published"] else NOTHING


def discriminates(entry: Entry) -> str:
    """Does the control fail where the claim should? Yes, no, or a dash without a control."""
    if entry["control"] is None:
        return NOTHING
    return "yes" if entry["control"]["discriminating"] else "no"


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
        f"{entries} {'claim' if entries == 1 else 'claims'}: {counts['supported']} supported, "
        f"{counts['refuted']} refuted, {counts['inconclusive']} inconclusive, "
        f"{counts['not_applicable']} not applicable; {counts['failed']} failed or broke "
        f"(budget {document['run']['budget']})"
    )
