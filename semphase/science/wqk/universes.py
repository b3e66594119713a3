"""What an analyst of the heads' query-key matrices could have chosen as well, for claims to register."""

TEXT = ("second half of the text", "first block left out", "chunks of half the length")
"""For perplexity of whatever is rebuilt."""
PREPARED = ("components not centred", "heads of unit norm")
"""For what is made of the matrices before their components."""
SPECTRUM = ("basis-free", *PREPARED, "centred in each layer")
"""For how many components hold the variance."""
LEADING_COMPONENT = ("basis-free", *PREPARED, "Pearson")
"""For what component 1 goes with. (Centred in each layer it goes with no layer by construction.)"""
REBUILT = ("basis-free", *PREPARED, *TEXT)
"""For perplexity on few components. (Kept means of each layer would be more components than are counted.)"""
CLUSTERS = (
    "basis-free", "heads of unit norm", "k-means started again", "Ward's clusters", "k = 1/3 of the heads", *TEXT,
)  # fmt: skip
"""For heads that stand for their clusters, whose distances no centring changes."""
FORMS = (*PREPARED, "K rounded up", "k = 1/3 of the heads", *TEXT)
"""For comparisons of both forms, which both change."""
