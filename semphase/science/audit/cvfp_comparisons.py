"""Documents 003 and 004: comparisons of two trainings, and what else differs between them."""

from __future__ import annotations

import numpy as np

from semphase.science.audit.agreement import Comparison, compare
from semphase.science.audit.cvfp_prose import at_size
from semphase.science.audit.evidence import Quantity
from semphase.science.audit.printed import Document, Table
from semphase.science.audit.published import load
from semphase.science.audit.rounding import stack
from semphase.science.audit.statements import Statements, less

WIDE, COMPARED, HELD = "shallow_wide", "1L_768d_2tok", "3L_768d_2tok"
ALL_LAYERS = "every layer"


def width_alone(document: Document) -> Comparison:
    """Layers and tokens of the two rows from which 003 concludes that the width need not be doubled."""
    table = document["shallow-wide"]
    shapes = ("layers", "tokens")
    own, wide = (stack([table.row(name, shape) for shape in shapes]) for name in (COMPARED, WIDE))
    return compare([f"{shape} of {COMPARED} and {WIDE}" for shape in shapes], own, wide, document.where("shallow-wide"))


def width_held(document: Document) -> Statements:
    """With three layers and two tokens in both, the narrow context has no higher PPL than the wide one."""
    narrow = document["summary"].row(HELD, "best_ppl")
    wide = document["shallow-wide"].row(WIDE, "best_ppl")
    return Statements((less(f"{HELD} is not above {WIDE}", narrow, wide, document.where("shallow-wide")),))


def _tokens(table: Table, by: str, like: Table) -> float:
    """Tokens of as many documents as the rows of another table have."""
    return float(table["text_tokens"].value[table.ints(by).index(like.ints(by)[0])])


def gain_without_the_input(document: Document) -> Quantity:
    """Largest gain in percent over 004's network with the token in every layer, by others that have it too (003)."""
    own = document["token-input"]
    base = own["ppl"][own.names("token_input").index(ALL_LAYERS)]
    others = at_size(load("003")["runs"], "ppl", int(own["documents"].value[0]))
    gains = stack([(1 - ppl / base) * 100.0 for ppl in others.values()])
    more = _tokens(load("003")["runs"], "documents", own) / _tokens(document["sizes"], "documents", own)
    law = document["scaling"].row("α").value
    told = {
        "sections": [document.where("token-input"), load("003").where("runs")],
        "credited to the input": document["token-input-gains"].row("PPL better by percent").value,
        "largest at the same tokens, by the α of 004": 100 - (100 - gains.value.max()) * more**-law,
        "gains": dict(zip(others, np.round(gains.value, 1), strict=True)),
    }
    return Quantity(gains.highest(), len(others) + 1, "percent", told)
