"""Ranges that statistics lie in, both ends included."""

import math

POSITIVE = (0.0, math.inf)
"""Ratios, widths, norms, standard deviations."""
SHARE = (0.0, 1.0)
"""Shares of units, R²."""
CORRELATION = (-1.0, 1.0)
"""Correlations and cosines."""
