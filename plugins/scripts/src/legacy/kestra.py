"""Hands values, counters and timers to the host: one line of JSON each."""

import json
import time


class Kestra:
    @staticmethod
    def _send(frame):
        print("::" + json.dumps(frame) + "::", flush=True)

    @staticmethod
    def outputs(values):
        Kestra._send({"outputs": values})

    @staticmethod
    def _metric(kind, name, value, tags):
        Kestra._send({"metrics": [{"name": name, "type": kind, "value": value, "tags": tags or {}}]})

    @staticmethod
    def counter(name, value, tags=None):
        Kestra._metric("counter", name, value, tags)

    @staticmethod
    def timer(name, duration, tags=None):
        if callable(duration):
            start = time.time()
            duration()
            duration = time.time() - start
        Kestra._metric("timer", name, duration, tags)
