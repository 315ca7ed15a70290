"""What the plugin costs a project that has it installed and does not use it.

Measured on one trivial test, with every other plugin left out: the median time that the plugin
adds to a run (aim: under 15 ms), by the clock and in CPU time, which a busy machine disturbs less,
and the heavy packages that it imports (aim: none).
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

from timing import alternate

HEAVY = ("numpy", "scipy", "torch", "rich", "sklearn", "pandas", "jinja2")

REPORT_HEAVY_IMPORTS = f"""
import sys, pytest
pytest.main(["-q", "-p", "pytest_mlregress.plugin", "test_empty.py"])
print("imported:", *[name for name in {HEAVY} if name in sys.modules])
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repetitions", type=int, default=25)
    repetitions = parser.parse_args().repetitions

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "test_empty.py").write_text("def test_empty():\n    pass\n")
        cpu: dict[str, list[float]] = {"no:mlregress": [], "pytest_mlregress.plugin": []}
        seconds = alternate(
            {plugin: partial(empty_run, folder, plugin, cpu[plugin]) for plugin in cpu}, repetitions
        )
        cpu = {plugin: values[1:] for plugin, values in cpu.items()}  # as in `alternate`
        imported = python(folder, "-c", REPORT_HEAVY_IMPORTS).rpartition("imported:")[2].strip()

    print(f"empty run, median of {repetitions} alternated rounds      clock       CPU")
    for plugin in cpu:
        print(f"  -p {plugin:24}{milliseconds(seconds[plugin])}{milliseconds(cpu[plugin])}")
    added = [
        milliseconds(
            [
                b - a
                for a, b in zip(each["no:mlregress"], each["pytest_mlregress.plugin"], strict=True)
            ]
        )
        for each in (seconds, cpu)
    ]
    print(f"  added, paired              {''.join(added)}   (aim: under 15 ms)")
    print(f"  heavy imports: {imported or 'none'} (aim: none of {', '.join(HEAVY)})")


def empty_run(folder: Path, plugin: str, cpu: list[float]) -> None:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    python(folder, "-m", "pytest", "-q", "-p", plugin)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def milliseconds(values: list[float]) -> str:
    return f"{1e3 * statistics.median(values):7.1f} ms"


def python(folder: Path, *arguments: str) -> str:
    """The output of this Python, run in a folder with no plugin but those that are named.

    Bytecode is cached as it is for users, whatever the caller's environment says.
    """
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={
            **os.environ,
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            "PYTHONDONTWRITEBYTECODE": "",
            "PYTHONPYCACHEPREFIX": str(folder / "bytecode"),
        },
        capture_output=True,
        text=True,
        check=True,
    ).stdout


if __name__ == "__main__":
    main()
