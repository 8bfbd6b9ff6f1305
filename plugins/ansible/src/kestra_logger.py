"""Prints what a playbook does, one line of JSON per event, for the task that started it."""

from __future__ import annotations

import json
import sys
from datetime import datetime, timezone

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
    name: kestra_logger
    type: notification
    short_description: prints events as lines of JSON
    description:
        - Prints plays, tasks and their results for the task that started Ansible.
    requirements:
        - enable in configuration
"""


def now():
    return datetime.now(timezone.utc).isoformat().replace("+00:00", "Z")


def plain(value):
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items() if not str(key).startswith("_ansible") and key != "invocation"}
    if isinstance(value, (list, tuple, set)):
        return [plain(item) for item in value]
    if isinstance(value, bool) or value is None:
        return value
    for kind in (int, float, str):
        if isinstance(value, kind):
            return kind(value)
    return str(value)


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "kestra_logger"
    CALLBACK_NEEDS_ENABLED = True

    def _tell(self, **event):
        # The line is written as a whole: results of parallel hosts come from one process.
        sys.stdout.write('::{"ansible":' + json.dumps(event) + "}::\n")
        sys.stdout.flush()

    def _result(self, result, status, ignored=False):
        content = getattr(result, "_result", None)
        task = getattr(result, "_task", None) or result.task
        host = getattr(result, "_host", None) or result.host
        self._tell(
            event="result",
            task=str(task._uuid),
            action=str(task.action),
            host=str(host.get_name()),
            status=status,
            ignored=bool(ignored),
            at=now(),
            result=plain(content if content is not None else result.result),
        )

    def v2_playbook_on_start(self, playbook):
        self._tell(event="playbook", name=str(playbook._file_name))

    def v2_playbook_on_play_start(self, play):
        self._tell(event="play", name=str(play.get_name()).strip())

    def v2_playbook_on_task_start(self, task, is_conditional):
        self._tell(event="task", task=str(task._uuid), name=str(task.get_name()).strip(), at=now())

    def v2_playbook_on_handler_task_start(self, task):
        self.v2_playbook_on_task_start(task, False)

    def v2_runner_on_ok(self, result):
        self._result(result, "ok")

    def v2_runner_on_failed(self, result, ignore_errors=False):
        self._result(result, "failed", ignore_errors)

    def v2_runner_on_skipped(self, result):
        self._result(result, "skipped")

    def v2_runner_on_unreachable(self, result):
        self._result(result, "unreachable")

    def v2_playbook_on_no_hosts_matched(self):
        self._tell(event="note", level="WARN", message="no hosts matched")

    def v2_playbook_on_stats(self, stats):
        for host in sorted(stats.processed.keys()):
            counts = ", ".join("%s=%d" % item for item in stats.summarize(host).items() if item[1])
            self._tell(event="note", level="INFO", message="%s: %s" % (host, counts or "nothing done"))
