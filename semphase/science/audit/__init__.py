"""Do published tables agree with themselves? Their figures as printed, and checks of one against another."""

from semphase.science.audit.evidence import Quantity, audited
from semphase.science.audit.printed import Document, Table
from semphase.science.audit.published import load, read

__all__ = ["Document", "Quantity", "Table", "audited", "load", "read"]
