"""What a model is shown: texts, words and prompts."""
