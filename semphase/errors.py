"""The two ways in which a run stops short of a verdict, each told in one sentence."""

from __future__ import annotations


class SemphaseError(Exception):
    """Bad input or a broken measurement; the message names the thing and the way out."""


class NotApplicable(Exception):
    """The study lacks what a claim needs (a second model, CUDA); the message says what."""


class Unreachable(SemphaseError, NotApplicable):
    """A model has nothing at a place that is to be read or changed; for a claim, it lacks what that needs."""


class Undefined(SemphaseError):
    """An estimate has no value on these data; the message says why.

    A broken measurement for a claim, unless it says `where_defined`; one copy of its control is left out.
    """
