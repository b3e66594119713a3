"""Attention heads: ablation, rankings, forms of attention."""
