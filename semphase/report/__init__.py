"""Verdicts for people and programs: JSON, Markdown, HTML, the console table, figures."""
