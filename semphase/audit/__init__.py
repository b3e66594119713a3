"""Do published tables agree with themselves? Their figures as printed, and checks of one against another."""

from semphase.audit.evidence import Quantity, audited
from semphase.audit.reader import load, read
from semphase.audit.tables import Document, Table

__all__ = ["Document", "Quantity", "Table", "audited", "load", "read"]
