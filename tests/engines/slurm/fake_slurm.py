"""Commands of Slurm that run jobs as processes of this machine, for tests.

A folder for PATH with ``sbatch``, ``srun``, ``sacct``, ``scancel`` and ``scontrol``, which call
this file; what they know of jobs is in files beside them.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

COMMANDS = ("sbatch", "srun", "sacct", "scancel", "scontrol")


def install(folder: Path) -> None:
    """Write the commands into a folder."""
    folder.mkdir()
    for name in COMMANDS:
        script = folder / name
        script.write_text(f'#!/bin/sh\nexec {sys.executable} -S {__file__} {name} "$@"\n')
        script.chmod(0o755)


def calls(folder: Path, name: str) -> list[str]:
    """The command lines of a command so far."""
    file = folder / f"{name}.calls"
    return file.read_text().splitlines() if file.exists() else []


def main(folder: Path, name: str, arguments: list[str]) -> None:
    with (folder / f"{name}.calls").open("a") as file:
        file.write(" ".join(arguments) + "\n")
    globals()[name](folder, arguments)


def sbatch(folder: Path, arguments: list[str]) -> None:
    script = Path(arguments[-1]).read_text()
    if "--partition=nowhere" in script:
        sys.exit("sbatch: error: invalid partition specified: nowhere")
    job = 100 + len(calls(folder, "sbatch"))
    (folder / f"script-{job}").write_text(script)
    array = re.search(r"--array=0-(\d+)", script)
    for task in range(int(array[1]) + 1) if array else [None]:
        start(folder, job, task)
    print(f"Submitted batch job {job}")


def start(folder: Path, job: int, task: int | None) -> None:
    name = str(job) if task is None else f"{job}_{task}"
    environment = {**os.environ, "SLURM_JOB_ID": str(job)}
    if task is not None:
        environment |= {"SLURM_ARRAY_JOB_ID": str(job), "SLURM_ARRAY_TASK_ID": str(task)}
    process = subprocess.Popen(
        ["bash", str(folder / f"script-{job}")],
        env=environment,
        start_new_session=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    (folder / f"job-{name}").write_text(str(process.pid))


def srun(folder: Path, arguments: list[str]) -> None:
    names = {"%j": "SLURM_JOB_ID", "%A": "SLURM_ARRAY_JOB_ID", "%a": "SLURM_ARRAY_TASK_ID"}
    options: dict[str, str] = {}
    while arguments[0].startswith("--"):
        option = arguments.pop(0)
        if option in ("--output", "--error"):
            path = arguments.pop(0).replace("%t", "0")
            for mark, variable in names.items():
                path = path.replace(mark, os.environ.get(variable, mark))
            options[option] = path
    for option, descriptor in (("--output", 1), ("--error", 2)):
        os.dup2(os.open(options[option], os.O_WRONLY | os.O_CREAT | os.O_APPEND), descriptor)
    os.execvp(arguments[0], arguments)


def sacct(folder: Path, arguments: list[str]) -> None:
    print("JobID|State|NodeList")
    for file in folder.glob("job-*"):
        over = folder / file.name.replace("job-", "state-")
        process = int(file.read_text())
        state = over.read_text() if over.exists() else "RUNNING" if is_alive(process) else "FAILED"
        print(f"{file.name.removeprefix('job-')}|{state}|node7")


def scancel(folder: Path, arguments: list[str]) -> None:
    for name in arguments:
        (folder / f"state-{name}").write_text(f"CANCELLED by {os.getuid()}")
        with suppress(OSError):
            os.killpg(int((folder / f"job-{name}").read_text()), signal.SIGKILL)


def scontrol(folder: Path, arguments: list[str]) -> None:
    """``scontrol requeue JOB``, called by the job itself, which ends right afterwards."""
    job, _, task = arguments[1].partition("_")
    start(folder, int(job), int(task) if task else None)


def is_alive(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


if __name__ == "__main__":
    main(Path(os.environ["PATH"].split(os.pathsep)[0]), sys.argv[1], sys.argv[2:])
