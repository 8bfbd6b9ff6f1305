"""Seconds per job of Snakemake: COUNT `touch` jobs on all cores, without what the first job costs."""
import os
import pathlib
import subprocess
import sys
import tempfile
import time

count = int(sys.argv[1])


def run(number):
    with tempfile.TemporaryDirectory() as folder:
        pathlib.Path(folder, "Snakefile").write_text(
            f'rule all:\n    input: expand("out/{{n}}", n=range({number}))\n'
            'rule work:\n    output: "out/{n}"\n    shell: "touch {output}"\n'
        )
        command = [sys.executable, "-m", "snakemake", "--cores", str(os.cpu_count()), "--quiet", "all"]
        begin = time.monotonic()
        subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return time.monotonic() - begin


print((run(count + 1) - run(1)) / count)
