"""What an analyst of changed heads could have chosen as well, for claims to register."""

HALVES = "halves exchanged"
RATIOS = ("first block left out", "chunks as units", HALVES)
"""For perplexity ratios of heads that another part of the text chose."""
EFFECTS = ("mean ablation", "gradient × activation", "first block left out", HALVES)
"""For the effects of single heads."""
FORMS = ("order of zero-ablation", "gradient × activation", *RATIOS)
"""For heads in another form of attention."""
TIMES = ("shortest length left out", "first repeat left out", "Theil-Sen slope")
"""For times of growing lengths."""
