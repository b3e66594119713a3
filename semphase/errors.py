"""The two ways in which a run stops short of a verdict, each told in one sentence."""

from __future__ import annotations


class SemphaseError(Exception):
    """Bad input or a broken measurement; the message names the thing and the way out."""


class NotApplicable(Exception):
    """The study lacks what a claim needs (a second model, CUDA); the message says what."""


class Undefined(SemphaseError):
    """A statistic has no value on these data; fatal for a claim, but not for one copy of its control."""
