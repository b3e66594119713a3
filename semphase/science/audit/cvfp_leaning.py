"""Documents 003 and 004: fits and correlations that rest on few runs, or on a single one."""

from __future__ import annotations

import numpy as np
import scipy
from jaxtyping import Float

from semphase.science.audit.cvfp_own_errors import line
from semphase.science.audit.cvfp_tables import by_configuration
from semphase.science.audit.evidence import Quantity
from semphase.science.audit.printed import Document
from semphase.science.audit.rounded_fits import fit_rounded
from semphase.science.audit.rounding import Interval, from_mean, stack
from semphase.science.audit.statements import Statements, lowest

LN2 = float(np.log(2))
STEEPEST = "1L_768d_1tok"
_Z = float(scipy.stats.norm.ppf(0.975))
_NEARLY_ONE = 1 - 1e-9


def left_out(n: Float[np.ndarray, " size"], ppl: Interval) -> Interval:
    """α [size] of the law through all sizes but one."""
    at = np.arange(len(n))
    return stack([fit_rounded(n[at != out], ppl[at != out]).alpha for out in at])


def saved_without_last(document: Document) -> Quantity:
    """Percent of PPL that doubled data saves by the law without the last run, which 004 calls stopped too early."""
    sizes = document["sizes"]
    n, ppl = sizes["text_tokens"].value, sizes["ppl"]
    without = left_out(n, ppl)
    saved = (1 - (without[-1] * LN2).map(np.exp)) * 100.0
    told = {
        "sections": [document.where("scaling"), document.where("early-stopping")],
        "α of all": fit_rounded(n, ppl).alpha.value,
        "95 % interval of α, t(2)": line(n, ppl.value).interval,
        "α without each size": dict(zip(map(str, sizes.ints("documents")), without.value, strict=True)),
    }
    return Quantity(saved, len(n) - 1, "percent", told)


def steepest_of_three(document: Document) -> Statements:
    """1L_768d_1tok has the steepest exponent of nine, whichever of the four sizes is left out."""
    runs, where = document["runs"], document.where("boxes")
    rows = by_configuration(runs)
    laws = stack([left_out(runs["text_tokens"].value[own], runs["ppl"][own]) for own in rows.values()])
    counts = runs.ints("documents")[: len(rows[STEEPEST])]
    return Statements(
        tuple(
            lowest(f"{STEEPEST} is steepest without {count} documents", list(rows), laws[:, i], STEEPEST, where)
            for i, count in enumerate(counts)
        )
    )


def correlation(one: Interval, other: Interval) -> Interval:
    """Pearson's r, the bounds of its sums taken apart and so a little wide."""
    a, b = from_mean(one), from_mean(other)
    scale = (a.squares().sum() * b.squares().sum()).map(np.sqrt)
    bounded = (a * b).sum() / scale
    return bounded.map(lambda r: np.clip(r, -1.0, 1.0))


def far_end(r: Interval, n: int) -> Interval:
    """The end of Fisher's 95 % interval of r that lies farther from 0: tanh(artanh |r| + 1.96/√(n − 3))."""
    return r.magnitude().map(lambda own: np.tanh(np.arctanh(np.minimum(own, _NEARLY_ONE)) + _Z / np.sqrt(n - 3)))


def rank_resolution(document: Document) -> Quantity:
    """How strong a correlation of effective rank and log PPL the runs of 004 leave open."""
    sizes = document["sizes"]
    r = correlation(sizes["rank"], sizes["ppl"].map(np.log))
    told = {"r": r.value, "runs": len(sizes["rank"]), "section": document.where("rank-range")}
    return Quantity(far_end(r, len(sizes["rank"])), len(sizes["rank"]), "abs(r)", told)
