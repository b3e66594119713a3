"""Query-key weights and their components."""
