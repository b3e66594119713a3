"""Documents 001 and 002: what both say of exp6, the baseline and the components for 90 % of the variance."""

from __future__ import annotations

from semphase.science.audit.agreement import Comparison, joined, one
from semphase.science.audit.printed import Document
from semphase.science.audit.published import load
from semphase.science.audit.rounding import Interval, interval, stack
from semphase.science.audit.statements import Statements, less

NINETY = 90.0


def one_baseline(document: Document) -> Comparison:
    """Every figure that stands for the unchanged model's PPL in 001 and 002, beside the 29.79 of 001."""
    other, baseline = load("002"), document["components-prose"].row("baseline PPL")
    components, inference = document["components"], other["inference"]
    whole, full = components.ints("k").index(144), inference.ints("k").index(768)
    return joined(
        one("PPL at K=144", components["ppl"][whole], baseline, document.where("components")),
        one("baseline of exp7", other["inference-prose"].row("baseline PPL"), baseline, other.where("inference-prose")),
        one("individual PPL at K=768", inference["individual_ppl"][full], baseline, other.where("inference")),
        one("shared PPL at K=768", inference["shared_ppl"][full], baseline, other.where("inference")),
    )


def ninety(document: Document) -> Statements:
    """The K(90 %) that 002 gives is one that a concave curve through the cumulative variances of 001 can have.

    Components are sorted, so the cumulative variance is concave: between two known points it lies above their chord
    and below the chords of the neighbouring ranges, drawn on.
    """
    k = int(load("002")["comparison"].row("exp6 K(90 %)").value)
    where = load("002").where("comparison")
    above, below = _chord(document, k - 1, 32, 100), _drawn_on(document, k)
    return Statements(
        (
            less(f"{k - 1} components need not hold 90 %", above, interval(NINETY), where),
            less(f"{k} components can hold 90 %", interval(NINETY), below, where),
        )
    )


def _chord(document: Document, k: int, first: int, second: int) -> Interval:
    """The line through two rows of the table, at k components."""
    table = document["components"]
    ks = table.ints("k")
    one, two = (table["variance"][ks.index(at)] for at in (first, second))
    share = (k - first) / (second - first)
    return one * (1 - share) + two * share


def _drawn_on(document: Document, k: int) -> Interval:
    """The lower of the two neighbouring chords, at k components."""
    return stack([_chord(document, k, 10, 32), _chord(document, k, 100, 130)]).lowest()
