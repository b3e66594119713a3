"""Arrays to estimates with intervals; numpy, SciPy, statsmodels and lmfit, never torch."""
