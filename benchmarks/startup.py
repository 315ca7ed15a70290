"""What the plugin adds to the start of pytest, by the clock and in CPU time.

- unused: one trivial test in a project that has the plugin installed and does not use it, beside
  the same with an empty plugin in its place (aim: under 15 ms, and no heavy package imported).
  Without either, pytest would not read the metadata of the installed packages, which it does once
  for all plugins where it looks for them itself.
- used, at `-n 0` and at `-n 2`: an instant test of torch, five seeds, beside the same function
  under `parametrize` without the plugin. A baseline is committed, the values have moved, and so a
  verdict is reached by statistics (aim: at most 0.3 s and 0.5 s more), and what its worker imports
  (aim: neither scipy nor a check of the hunt) and the first seed's seconds beside the others'.

Every other plugin but xdist is left out. Alternated rounds and paired differences: a busy machine
disturbs both alike, and CPU time less than the clock.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from functools import cache, partial
from pathlib import Path

from benchmarks.timing import alternate
from pytest_mlregress.bughunt import registry
from pytest_mlregress.bughunt.checks import every_check

HEAVY = ("numpy", "scipy", "torch", "rich", "sklearn", "pandas", "jinja2")
WITHOUT = ("-p", "no:mlregress")
WITH = ("-p", "pytest_mlregress.plugin")
EMPTY = ("-p", "empty_plugin")
AIMS = {0: 0.3, 2: 0.5}
SEEDS = 5

REPORT_HEAVY_IMPORTS = f"""
import sys, pytest
pytest.main(["-q", "-p", "pytest_mlregress.plugin", "test_empty.py"])
print("imported:", *[name for name in {HEAVY} if name in sys.modules])
"""

TEST = """
import pytest
import torch

SHIFT = 0.0


def loss_of_one_step():
    model = torch.nn.Linear(4, 1)
    loss = torch.nn.functional.mse_loss(model(torch.randn(16, 4)), torch.randn(16, 1))
    loss.backward()
    return loss.item() + SHIFT
"""

USED = f"""{TEST}

@pytest.mark.seeds({SEEDS})
def test_instant(mlregress):
    mlregress.record("loss", loss_of_one_step(), higher_is_better=False)
"""

PLAIN = f"""{TEST}

@pytest.mark.parametrize("seed", range({SEEDS}))
def test_instant(seed):
    torch.manual_seed(seed)
    assert loss_of_one_step() < 100
"""

CONFTEST = """
import json, os, sys


def pytest_unconfigure(config):
    if folder := os.environ.get("IMPORTED"):
        who = getattr(config, "workerinput", {"workerid": "controller"})["workerid"]
        with open(os.path.join(folder, f"{who}.json"), "w") as file:
            json.dump(sorted(sys.modules), file)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repetitions", type=int, default=25, help="of the unused plugin")
    parser.add_argument("--used", type=int, default=9, help="repetitions of the test of torch")
    options = parser.parse_args()
    print(f"load of the machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    with tempfile.TemporaryDirectory() as name:
        if options.repetitions:
            measure_unused(Path(name), options.repetitions)
    with tempfile.TemporaryDirectory() as name:
        if options.used:
            measure_used(Path(name), options.used)


def measure_unused(folder: Path, repetitions: int) -> None:
    (folder / "test_empty.py").write_text("def test_empty():\n    pass\n")
    (folder / "empty_plugin.py").write_text("")
    added = added_seconds(folder, {EMPTY: "test_empty.py", WITH: "test_empty.py"}, repetitions)
    print(f"unused: added, median of {repetitions} rounds      clock       CPU")
    print(f"  {added}   (aim: under 15 ms)")
    imported = python(folder, "-c", REPORT_HEAVY_IMPORTS).rpartition("imported:")[2].strip()
    print(f"  heavy imports: {imported or 'none'} (aim: none of {', '.join(HEAVY)})")


def measure_used(folder: Path, repetitions: int) -> None:
    (folder / "test_used.py").write_text(USED)
    (folder / "test_plain.py").write_text(PLAIN)
    (folder / "conftest.py").write_text(CONFTEST)
    (folder / ".gitignore").write_text("bytecode/\n.pytest_cache/\n.mlregress/\nimported/\n*.xml\n")
    commit(folder)
    run(folder, (*WITH, "--mlregress-update"), "test_used.py")
    (folder / "test_used.py").write_text(USED.replace("SHIFT = 0.0", "SHIFT = 0.001"))
    commit(folder)
    print(f"used: added, median of {repetitions} rounds        clock       CPU")
    for workers, aim in AIMS.items():
        ways = {
            (*WITHOUT, "-p", "xdist", f"-n{workers}"): "test_plain.py",
            (*WITH, "-p", "xdist", f"-n{workers}"): "test_used.py",
        }
        print(f"  -n {workers}: {added_seconds(folder, ways, repetitions)}   (aim: {aim} s)")
    (folder / "imported").mkdir()
    os.environ["IMPORTED"] = str(folder / "imported")
    run(folder, (*WITH, "-p", "xdist", "-n2"), "test_used.py")
    names = json.loads((folder / "imported" / "gw0.json").read_text())
    found = [each for each in names if is_unwanted(each)]
    print(f"  imported by a worker: {', '.join(found) or 'no scipy and no check of the hunt'}")
    print(f"  modules of ours in a worker: {sum('pytest_mlregress' in name for name in names)}")


def is_unwanted(name: str) -> bool:
    """Whether a module is one of scipy's, or of a check that only the hunt makes."""
    return name.split(".")[0] == "scipy" or name in checks_of_the_hunt()


@cache
def checks_of_the_hunt() -> frozenset[str]:
    """The modules of all checks; a guard may share a module with one, such as `squashing`."""
    every_check.load()
    return frozenset(check.function.__module__ for check in registry.select(None))


def commit(folder: Path) -> None:
    author = ("-c", "user.name=a", "-c", "user.email=a@example.org")
    for arguments in (("init", "-q"), ("add", "."), (*author, "commit", "-qm", "A state")):
        subprocess.run(["git", *arguments], cwd=folder, check=True)


def added_seconds(folder: Path, ways: dict[tuple[str, ...], str], repetitions: int) -> str:
    """What the second way takes more than the first, by the clock and in CPU time."""
    cpu: dict[tuple[str, ...], list[float]] = {way: [] for way in ways}
    seconds = alternate(
        {way: partial(run, folder, way, file, cpu[way]) for way, file in ways.items()}, repetitions
    )
    cpu = {way: values[1:] for way, values in cpu.items()}  # as in `alternate`
    return "".join(
        milliseconds([b - a for a, b in zip(*each.values(), strict=True)])
        for each in (seconds, cpu)
    )


def run(folder: Path, way: tuple[str, ...], file: str, cpu: list[float] | None = None) -> None:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    python(folder, "-m", "pytest", "-q", *way, file)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if cpu is not None:
        cpu.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def milliseconds(values: list[float]) -> str:
    return f"{1e3 * statistics.median(values):7.1f} ms"


def python(folder: Path, *arguments: str) -> str:
    """The output of this Python, run in a folder with no plugin but those that are named.

    Bytecode is cached as it is for users, whatever the caller's environment says.
    """
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={
            **os.environ,
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            "PYTHONDONTWRITEBYTECODE": "",
            "PYTHONPYCACHEPREFIX": str(folder / "bytecode"),
            "PYTHONPATH": os.pathsep.join([*filter(None, sys.path), str(folder)]),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"exited with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


if __name__ == "__main__":
    main()
