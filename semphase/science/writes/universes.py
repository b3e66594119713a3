"""What an analyst of the writes could have chosen as well, for claims to register."""

TEXT = ("halves exchanged", "2,000 positions")
"""For whatever is taken over positions of one half."""
STARTS = (*TEXT, "chunks of half the length", "BOS the other way")
"""For moments, in which the first token of a chunk may weigh more than all others together."""
NORMS = ("position 0 left out", "norms about the mean", "Pearson", *STARTS)
"""For the growth of norms."""
RANKS = ("position 0 left out", "covariance not centred", *STARTS)
"""For numbers of components."""
FIRST_TOKEN = ("covariance not centred", *STARTS)
"""For claims that compare position 0 in with position 0 out."""
BASES = ("position 0 left out", "covariance not centred", *TEXT)
"""For what becomes of few components."""
RUN = (*BASES, "first block left out")
"""For perplexity on them."""
RECONSTRUCTED = (*BASES, "chunks of half the length", "held-out positions")
"""For what they reconstruct of the positions that they are taken from."""
