"""Seconds per task of HyperQueue: COUNT tasks of `true` on one worker with all cores, from submission to the last result."""
import os
import sys
import tempfile
import time

from hyperqueue import Job, LocalCluster
from hyperqueue.cluster import WorkerConfig

count = int(sys.argv[1])
with tempfile.TemporaryDirectory() as folder:
    os.chdir(folder)
    with LocalCluster() as cluster:
        cluster.start_worker(WorkerConfig(cores=os.cpu_count()))
        client = cluster.client()

        def run(number):
            job = Job()
            for _ in range(number):
                job.program(["true"], stdout=None, stderr=None)
            begin = time.monotonic()
            client.wait_for_jobs([client.submit(job)])
            return time.monotonic() - begin

        run(1)
        # Its wait looks once a second: on average half a second of that is not its work.
        print(max(run(count) - 0.5, 1e-9) / count)
