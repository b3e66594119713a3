"""Measurements on a Dask cluster: units are sent out, workers write into the store, and this process reads it.

`packing` turns a unit into bytes, `rebuilding` makes it whole on a worker, `unit` is what a worker calls, `equal` compares
workers with this process; `connecting` alone knows Dask.
"""
