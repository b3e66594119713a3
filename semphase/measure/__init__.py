"""Forward passes: a model and prompts in, labelled arrays out."""

from semphase.measure.readout import logit_lens_top1
from semphase.measure.reduced_products import rounded_products
from semphase.measure.rotation import rotation_angles
from semphase.measure.streams import capture_streams
from semphase.measure.targets import Target, locate, locate_all, word_pieces
from semphase.measure.text import leading_tokens, text_chunks

__all__ = [
    "Target", "capture_streams", "leading_tokens", "locate", "locate_all", "logit_lens_top1", "rotation_angles",
    "rounded_products",
    "text_chunks", "word_pieces",
]  # fmt: skip
