"""What an analyst of CVFP trainings could have chosen as well, for claims to register.

The protocol leaves inputs, start, head and carried contexts open; other trainings of it are shared by all claims that
name them. All else reads the registered trainings otherwise.
"""

EMBEDDING = ("inputs of unit length", "normalised head")
"""For perplexities: what the two phases read of the embedding."""
CONTEXTS = ("inputs of unit length", "start of SD 1", "carried without noise")
"""For contexts, which phase 1 makes alone."""
LAWS = ("nonlinear fit", "arithmetic mean over seeds", "last epoch", "without the smallest size", *EMBEDDING)
"""For power laws of validation perplexity."""
BEST = ("documents exchanged", "all documents", "arithmetic mean over seeds", *EMBEDDING)
"""For the best size of each configuration."""
ITERATIONS = ("whole iterations", "arithmetic mean over seeds", *CONTEXTS)
"""For the convergence of contexts."""
RANKS = ("Spearman", "contexts of the other split", "settled contexts", "without the largest size", *CONTEXTS)
"""For ranks of training contexts over configurations."""
FAST_FORMS = ("settled contexts", "position 0 left out", *CONTEXTS)
"""For contexts made in parallel."""
