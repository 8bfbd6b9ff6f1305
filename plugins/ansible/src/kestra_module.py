#!/usr/bin/python
"""Publishes values of a playbook as outputs of the task that started it."""

from __future__ import annotations

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = """
module: kestra
short_description: publishes values as outputs of the task
description:
    - The values of all calls are merged.
options:
    outputs:
        description: The values by name.
        type: dict
        required: true
"""


def main():
    module = AnsibleModule(argument_spec={"outputs": {"type": "dict", "required": True}}, supports_check_mode=True)
    module.exit_json(changed=False, kestra_outputs=module.params["outputs"])


if __name__ == "__main__":
    main()
