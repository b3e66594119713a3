"""The context-vector fixed-point language model: two blocks, two phases of training, and what is measured of them.

A context block turns the context so far and the last tokens into the next context; it is trained so that contexts
stay and differ, without any prediction (phase 1). A token block then reads its layers and predicts the next token
(phase 2). The embedding, at both ends, is a trained model's and frozen.
"""

from semphase.science.cvfp.model.architecture import ContextBlock, TokenBlock, parameters_of
from semphase.science.cvfp.model.comparing import agreement, cache_times
from semphase.science.cvfp.model.configuration import Configuration, Recipe
from semphase.science.cvfp.model.contexts import (
    layer_outputs_parallel,
    layer_outputs_sequential,
    parallel_contexts,
    sequential_contexts,
)
from semphase.science.cvfp.model.embedding import (
    TokenStream,
    Vocabulary,
    normalised,
    stream_of,
    vocabulary_of,
    with_normalised_head,
    with_unit_rows,
)
from semphase.science.cvfp.model.phase1 import TrainedContexts, train_contexts
from semphase.science.cvfp.model.phase2 import train_tokens
from semphase.science.cvfp.model.rank import effective_rank
from semphase.science.cvfp.model.training import train

__all__ = [
    "Configuration", "ContextBlock", "Recipe", "TokenBlock", "TokenStream", "TrainedContexts", "Vocabulary",
    "agreement", "cache_times", "effective_rank", "layer_outputs_parallel", "layer_outputs_sequential", "normalised",
    "parallel_contexts", "parameters_of", "sequential_contexts", "stream_of", "train", "train_contexts",
    "train_tokens", "vocabulary_of", "with_normalised_head", "with_unit_rows",
]  # fmt: skip
