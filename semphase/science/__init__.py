"""Phenomena, one folder each: what is measured of it, its statistics, its figures.

A folder's modules are imported when something in them is first used, so that a claim file may name them all and is
still collected without torch.
"""
