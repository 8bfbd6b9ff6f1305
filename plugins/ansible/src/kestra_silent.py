"""Prints nothing: the events are told by kestra_logger."""

from __future__ import annotations

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
    name: kestra_silent
    type: stdout
    short_description: prints nothing
    description:
        - Leaves standard output to kestra_logger.
"""


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "kestra_silent"
