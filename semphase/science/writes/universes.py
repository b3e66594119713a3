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
RUN = ("position 0 left out", "covariance not centred", *TEXT)
"""For what bases of few components do, where they were not taken from."""
RECONSTRUCTED = (*RUN, "chunks of half the length", "held-out positions")
"""For what bases reconstruct, where they were taken from."""
