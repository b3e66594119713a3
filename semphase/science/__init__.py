"""One folder for each phenomenon: its measurements, statistics and figures."""
