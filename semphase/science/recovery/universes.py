"""What an analyst of answers could have chosen as well, for claims to register; all but other samples are stored."""

ANSWERS = ("answer anywhere", "first word alone", "without the hardest task")
"""For any way of answering: how texts are scored, and on which tasks."""
ROUNDS = (*ANSWERS, "two rounds")
"""For texts that are fed back."""
SAMPLES = (*ANSWERS, "majority of samples", "likeliest in sum", "other samples")
"""For one of several samples."""
