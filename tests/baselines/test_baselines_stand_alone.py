"""`baselines` can be used, and tested, without the rest of the package and without numpy."""

import subprocess
import sys
from pathlib import Path

import pytest_mlregress.baselines

MODULES = sorted(
    path.stem
    for path in Path(pytest_mlregress.baselines.__file__).parent.glob("*.py")
    if path.stem != "__init__"
)


def test_importing_all_of_it_imports_no_other_part_and_nothing_heavy() -> None:
    program = "".join(f"import pytest_mlregress.baselines.{name}\n" for name in MODULES)
    program += "import sys; print(*sorted(sys.modules))"

    loaded = subprocess.check_output([sys.executable, "-c", program], text=True).split()

    assert "pytest_mlregress.baselines.artifact" in loaded
    own = {name for name in loaded if name.startswith("pytest_mlregress.")}
    of_package = {"lazy_names"}  # what `import pytest_mlregress` itself loads
    assert {name.split(".")[1] for name in own} - of_package == {"baselines", "node_ids"}
    assert not {"_pytest", "fsspec", "numpy", "pytest", "rich", "scipy", "torch"} & set(loaded)
