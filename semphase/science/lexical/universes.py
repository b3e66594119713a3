"""What an analyst of the lexicon's words could have chosen as well, for claims to register."""

CONDITIONS = ("projection", "final norm", "processed weights", "9 words", "4 words", "BOS the other way")
"""For σ under the conditions."""
RESPONSES = ("h from the step", *CONDITIONS)
"""For the response of σ to h."""
TURNS = (
    "position 0 left out",
    "first layer left out",
    "blocks of 20 positions",
    "the next 500 positions",
    "BOS the other way",
)
"""For the angles by which blocks turn the stream."""
ON_COSINES = tuple(name for name in CONDITIONS if name != "projection")
"""For thresholds on σ itself, which a projection has in another unit."""
