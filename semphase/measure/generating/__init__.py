"""The parts of `semphase.measure.generation`: what is kept of the past, and how the next token is made."""
