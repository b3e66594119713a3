"""How the reports for people word an entry: numbers, rules, the control's answer, the summary.

All of it takes reports of schema 1 as well, which say less.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from semphase.report.schema import Document, Entry, EstimateForm, VerificationForm, leads

NOTHING = "–"
LEGEND = (
    ("supported", "the whole 95 % interval meets the criterion"),
    ("refuted", "none of the interval meets it"),
    ("inconclusive", "part of the interval meets it"),
    ("would take", "at how many units 80 % of runs would decide, were the value the truth; approximate for extremes"),
    ("decides from", "the smallest distance from the threshold that 80 % of runs of this size would decide"),
    ("not-applicable", "the study lacks what the claim needs"),
    ("population", "what the estimate speaks of, and how many of them were seen; a census has all there are: exact"),
    ("relation", "for whom the criterion is met: the model only, its control too, the control only, or neither"),
    ("contrast", "by how much the model's distance to the threshold exceeds that of its control"),
    ("specific", "supported for the model, refuted for every control, and the contrast excludes 0"),
    ("firm", "holds with all claims counted that could have been decided (Holm); nominal: only by itself"),
    ("fragile", "another defensible analysis of the same measurements gives the opposite verdict or point"),
    ("reduced", "refuted on less than the source measured on, which a run of its size may overturn"),
    (
        "registered",
        "since when the claim says what it says and computes it so; an unregistered one, and one registered after "
        "measurement, may have been fitted to its data; re-implemented code finds the same; order unknown: the store was "
        "new, so nothing vouches that the registration came first",
    ),
)


def number(value: float | None) -> str:
    """Four significant digits, large numbers as integers; an unbounded end is ∞."""
    if value is None:
        return "∞"
    return f"{value:.0f}" if 1e4 <= abs(value) < 1e9 else f"{value:.4g}"


def interval(estimate: EstimateForm) -> str:
    """The value, its interval and its unit; a census is exact."""
    if exact(estimate):
        return f"{value(estimate)} exact{' ' + estimate['unit'] if estimate['unit'] else ''}"
    low = "−∞" if estimate["low"] is None else number(estimate["low"])
    unit = f" {estimate['unit']}" if estimate["unit"] else ""
    return f"{value(estimate)} [{low}, {number(estimate['high'])}]{unit}"


def value(estimate: EstimateForm) -> str:
    """The value alone; a report holds none where it is no finite number."""
    return "no number" if estimate["value"] is None else number(estimate["value"])


def exact(estimate: EstimateForm) -> bool:
    """Is it of all there is, a census?"""
    return estimate.get("population") == ["census"]


def population(entry: Entry) -> str:
    """What the estimate speaks of, with numbers ("26 words, 4 seeds"); a dash where nobody said."""
    estimate = entry["estimate"]
    if estimate is None or not estimate.get("population"):
        return NOTHING
    if estimate["population"] in (["census"], ["rounding"]):
        return estimate["population"][0]
    return ", ".join(map(_counted, estimate["units"], estimate["population"]))


def _counted(units: int, plural: str) -> str:
    plural = {"text": "text blocks"}.get(plural, plural)
    return f"{units:,} {plural.removesuffix('s') if units == 1 else plural}"


def undecided(entry: Entry) -> str:
    """What would decide an undecided verdict, and what its run could have decided; a dash where it is decided."""
    form = entry.get("undecided")
    if not form:
        return NOTHING
    unit = f" {entry['estimate']['unit']}" if entry["estimate"] and entry["estimate"]["unit"] else ""
    effect = form["smallest_effect"]
    told = "decides nothing" if effect is None else f"decides from {number(effect)}{unit} on"
    return f"{would_take(form['needs'])}; this run {told}"


def would_take(needs: Mapping[str, int] | None) -> str:
    """How much would decide, in words."""
    return f"would take {counted(needs)}" if needs else "no size would decide"


def counted(units: Mapping[str, int]) -> str:
    """Numbers of units ("26 words, 4 seeds")."""
    return ", ".join(_counted(number, name) for name, number in units.items())


def rule(entry: Entry) -> str:
    """The deciding part of the criterion, short."""
    deciding = next((part for part in entry["detail"].get("parts", ()) if part["deciding"]), None)
    if deciding is None:
        return NOTHING
    text: str = deciding["criterion"]
    return text.removeprefix("estimate").lstrip(" :") or text


def verdict(entry: Entry) -> str:
    """The verdict with what its reader must not miss: its limits, nothing specific, a change, a broken measurement."""
    if entry["verdict"] is None:
        return "error"
    warnings = [f" ({limited})"] if (limited := limit(entry)) else []
    if not_specific(entry):
        warnings.append(" (not specific)")
    if fragile(entry):
        warnings.append(" (fragile)")
    if entry["outcome"] == "error":
        warnings.append(" (broke afterwards)")
    if unexpected(entry):
        warnings.append(" (unexpected)")
    return entry["verdict"] + "".join(warnings)


def unexpected(entry: Entry) -> bool:
    """Did the run fail by the verdict, though it is no refutation?"""
    return entry["verdict"] not in (None, "refuted") and entry["outcome"] == "failed"


def limit(entry: Entry) -> str | None:
    """What its scope takes from the verdict: it is of other data, or a refutation by less than the source had."""
    kind = entry["scope"]["kind"] if "scope" in entry else None
    return kind if kind == "other data" or (kind == "reduced" and entry["verdict"] == "refuted") else None


def scope(entry: Entry) -> str:
    """The scope, with the sets that were replaced and the shares of what the source measured on; a dash where unknown."""
    if "scope" not in entry:
        return NOTHING
    found = entry["scope"]
    told = [*found.get("prompts", ())]
    told += [f"{number(ratio)} of the published {name}" for name, ratio in found.get("ratios", {}).items()]
    counted = f" ({', '.join(found['told'])} as the claim counts)" if found.get("told") else ""
    return found["kind"] + (f": {', '.join(told)}" if told else "") + counted


def not_specific(entry: Entry) -> bool:
    """True where the claim is supported and does not set the model apart from its control."""
    control = entry["control"]
    if entry["verdict"] != "supported" or control is None:
        return False
    return entry["specific"] is False if "specific" in entry else not control.get("discriminating")


def fragile(entry: Entry) -> bool:
    """Does some other defensible analysis give the opposite?"""
    return "universes" in entry and entry["universes"]["fragile"]


def universes(entry: Entry) -> str:
    """How many other analyses agree ("4 of 6, 1 undecided"); a dash where none was run."""
    found = entry.get("universes")
    if not found or not found["n"]:
        return NOTHING
    undecided = f", {found['undecided']} undecided" if found["undecided"] else ""
    return f"{found['agree']} of {found['n']}{undecided}"


def control(entry: Entry) -> str:
    """The control's name and estimate."""
    found = entry["control"]
    return f"{found['name']}: {interval(found['estimate'])}" if found else NOTHING


def published(entry: Entry) -> str:
    """The source's verdict."""
    return entry["published"]["verdict"] if entry["published"] else NOTHING


def relation(entry: Entry) -> str:
    """For whom the criterion is met; in reports of schema 1 whether the control fails, a dash without a control."""
    control = entry["control"]
    if control is None:
        return NOTHING
    if "relation" in control:
        return control["relation"]
    return "yes" if control.get("discriminating") else "no"


def met(told: str) -> str:
    """What a relation says of the control alone: does it meet the criterion?"""
    known = {"both": "meets it", "control only": "meets it", "model only": "misses it", "neither": "misses it"}
    return known.get(told, "open")


def older(entry: Entry) -> bool:
    """Is it of schema 1, where a control was discriminating or not?"""
    return entry["control"] is not None and "relation" not in entry["control"]


def contrast(entry: Entry) -> str:
    """By how much the model exceeds its control; a dash where no interval could be made."""
    found = entry["control"] and entry["control"].get("contrast")
    return NOTHING if not found or found["low"] is None is found["high"] else interval(found)


def strength(entry: Entry) -> str:
    """Firm, nominal, or a dash where nothing is decided."""
    return entry.get("strength") or NOTHING


def leading(entries: Sequence[Entry]) -> list[Entry]:
    """The entries as tables show them: for each model first what is supported and specific."""
    return sorted(entries, key=lambda entry: (entry["model"] or "", not leads(entry)))


def registration(entry: Entry) -> str:
    """The date of the claim's registration, or what is wrong with it; a dash in reports from before registries."""
    found = entry.get("registration")
    return NOTHING if found is None else registered(found["status"], found["date"], found.get("remarks", ()))


def registered(status: str, date: str | None, remarks: Sequence[str] = ()) -> str:
    """A registration in a few words."""
    day = date[:10] if date else ""
    told = {
        "registered": day or "yes",
        "amended": f"amended {day}",
        "re-implemented": f"{day}, re-implemented",
        "changed": f"changed since {day}",
        "after measurement": f"{day}, after measurement",
        "unknown": f"{day}, order unknown",
    }
    return "; ".join([told.get(status, status), *remarks])


def unregistered(entry: Entry) -> str | None:
    """What is wrong with the claim's registration; None where nothing is, or where nobody looked."""
    found = entry.get("registration")
    if found is None:
        return None
    wrong = found["status"] in ("changed", "unregistered", "after measurement") or found.get("remarks")
    return registration(entry) if wrong else None


def summary_line(document: Document) -> str:
    """All counts in one sentence, and how much was measured for them."""
    counts, entries = document["summary"], len(document["claims"])
    told = "specific" in counts
    specific = f" ({counts['specific']} specific)" if told else ""
    fragile = f", {counts['fragile']} fragile" if counts.get("fragile") else ""
    firm = f"; {counts['firm']} verdicts firm, {counts['nominal']} nominal{fragile}" if told else ""
    return (
        f"{entries} {'claim' if entries == 1 else 'claims'}: {counts['supported']} supported{specific}, "
        f"{counts['refuted']} refuted, {counts['inconclusive']} inconclusive, "
        f"{counts['not_applicable']} not applicable{firm}; {counts['failed']} failed or broke "
        f"(budget {document['run']['budget']})"
    )


def conclusion(form: VerificationForm, passed: str = "passed", failed: str = "failed") -> str:
    """Whether a verification passed, and whether it did so without looking at what its device measured."""
    if not form["passed"]:
        return failed
    return f"{passed}, nothing repeated" if form.get("repeated") == 0 else passed


def verification_lines(form: VerificationForm) -> list[str]:
    """The checks of a verification, and the findings that fail none of them."""
    checks = [f"{'PASS' if own['passed'] else 'FAIL'} {own['name']}: {own['found']}" for own in form["checks"]]
    return [*checks, *finding_lines(form)]


def finding_lines(form: VerificationForm) -> list[str]:
    """How many verdicts nobody expected anything of, and which claims are refuted among them."""
    findings = form["findings"]
    if not findings:
        return []
    counts = ", ".join(f"{len(names)} {verdict.replace('-', ' ')}" for verdict, names in findings.items())
    number = sum(map(len, findings.values()))
    told = [f"{number} finding{'' if number == 1 else 's'} without an expectation: {counts}"]
    return told + ([f"refuted: {', '.join(findings['refuted'])}"] if "refuted" in findings else [])
