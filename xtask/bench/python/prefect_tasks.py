"""Seconds per task of Prefect: COUNT submitted tasks that each start `true`, in one flow on its local API."""
import os
import subprocess
import sys
import tempfile
import time

os.environ["PREFECT_HOME"] = tempfile.mkdtemp()
os.environ["PREFECT_LOGGING_LEVEL"] = "ERROR"
os.environ["PREFECT_SERVER_ANALYTICS_ENABLED"] = "false"

from prefect import flow, task  # noqa: E402  (its settings are read on import)

count = int(sys.argv[1])


@task
def work():
    subprocess.run(["true"], check=True)


@flow
def many(number):
    for future in [work.submit() for _ in range(number)]:
        future.result()


many(1)
begin = time.monotonic()
many(count)
print((time.monotonic() - begin) / count)
