"""A scheduler with some workers of one thread each: writes its address, and ends with its standard input."""

from __future__ import annotations

import sys

from distributed import LocalCluster

if __name__ == "__main__":
    count = int(sys.argv[1])
    with LocalCluster(n_workers=count, threads_per_worker=1, dashboard_address=":0", memory_limit=0) as cluster:
        print(cluster.scheduler_address, flush=True)
        sys.stdin.read()
