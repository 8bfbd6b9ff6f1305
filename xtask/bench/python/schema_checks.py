"""Seconds of one check of Python's jsonschema, with the validator made once: FILE has schema and document, COUNT checks."""
import json
import pathlib
import sys
import time

from jsonschema import Draft202012Validator

work = json.loads(pathlib.Path(sys.argv[1]).read_text())
count = int(sys.argv[2])
validator = Draft202012Validator(work["schema"])
validator.validate(work["document"])
begin = time.perf_counter()
for _ in range(count):
    validator.is_valid(work["document"])
print((time.perf_counter() - begin) / count)
