"""The context-vector fixed-point language model: trainings, their statistics and figures."""
