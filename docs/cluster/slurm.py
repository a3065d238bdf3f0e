"""A study on Slurm, where each job is a Dask worker: python slurm.py rates.toml."""

import logging
import sys

from dask.distributed import Client
from dask_jobqueue import SLURMCluster

import ravine

JOBS = 16

if __name__ == "__main__":
    logging.basicConfig()
    logging.getLogger("ravine").setLevel(logging.INFO)  # a line for each run that ended
    cluster = SLURMCluster(
        cores=4,  # a worker trains as many runs at once
        processes=1,
        memory="4 GiB",
        walltime="02:00:00",
        # Workers leave before their time is up, and not all at once.
        worker_extra_args=["--lifetime", "100m", "--lifetime-stagger", "15m"],
        security=True,  # TLS, with certificates made for this cluster
        shared_temp_directory=".",
        log_directory="logs",
    )
    with cluster, Client(cluster) as client:
        cluster.adapt(minimum_jobs=JOBS, maximum_jobs=JOBS)  # a job that ends is followed by another
        outcome = ravine.run_study(sys.argv[1], client=client)
    print(outcome)
    for run, error in outcome.failed.items():
        print(f"run {run}: {error}", file=sys.stderr)
    sys.exit(5 if outcome.failed else 0)
