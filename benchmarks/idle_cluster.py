"""The cluster that shardmill's runs start, doing nothing: what Ray costs before the first row.

python -m benchmarks.idle_cluster [SECONDS]
"""

import sys
import time

from jobs.running.cluster import cluster


def main() -> None:
    with cluster(None):
        time.sleep(float(sys.argv[1]) if len(sys.argv) > 1 else 5.0)


if __name__ == "__main__":
    main()
