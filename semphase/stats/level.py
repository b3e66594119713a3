"""The coverage that every interval promises."""

LEVEL = 0.95
TAIL = (1 - LEVEL) / 2
"""What a one-sided bound misses."""
