"""The two ways in which a run stops short of a verdict, each told in one sentence."""

from __future__ import annotations


class SemphaseError(Exception):
    """Bad input or a broken measurement; the message names the thing and the way out."""


class NotApplicable(Exception):
    """The study lacks what a claim needs (a second model, CUDA); the message says what."""
