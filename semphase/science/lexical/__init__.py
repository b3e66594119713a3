"""Ambiguous words: how their sense permeates the layers."""
