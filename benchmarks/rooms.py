"""How large each room of `src` is, and which rooms of the bug hunt import which.

python benchmarks/rooms.py [CHECKOUT]
"""

from __future__ import annotations

import ast
import sys
from collections import Counter
from pathlib import Path

from rich.console import Console
from rich.table import Table

PACKAGE = "pytest_mlregress"
HUNT = f"{PACKAGE}.bughunt"


def rooms(package: Path) -> dict[str, list[Path]]:
    """The Python files of each folder below the package, by its dotted name."""
    found: dict[str, list[Path]] = {}
    for path in sorted(package.rglob("*.py")):
        found.setdefault(".".join(path.relative_to(package.parent).parts[:-1]), []).append(path)
    return found


def imports(path: Path, known: set[str]) -> Counter[str]:
    """How often a file imports from each of the known rooms."""
    counts: Counter[str] = Counter()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names: list[str] = []
        if isinstance(node, ast.ImportFrom) and node.module is not None:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        for name in {_room(name, known) for name in names} - {None}:
            counts[str(name)] += 1
    return counts


def _room(name: str, known: set[str]) -> str | None:
    """The innermost known room that a dotted name lies in; None for other packages."""
    while name and name not in known:
        name = name.rpartition(".")[0]
    return name or None


def main() -> None:
    """Print both tables for a checkout, this one by default."""
    checkout = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parents[1]
    found = rooms(checkout / "src" / PACKAGE)
    console = Console()
    sizes = Table("room", "files", "lines")
    for room, paths in found.items():
        sizes.add_row(room, f"{len(paths)}", f"{sum(map(_lines, paths))}")
    every = [path for paths in found.values() for path in paths]
    sizes.add_row("all", f"{len(every)}", f"{sum(map(_lines, every))}")
    console.print(sizes)
    hunting = [room for room in found if room.startswith(HUNT)]
    counts: Counter[tuple[str, str]] = Counter()
    for room in hunting:
        for path in found[room]:
            for other, count in imports(path, set(hunting)).items():
                counts[_folder(room), _folder(other)] += count * (room != other)
    folders = sorted({_folder(room) for room in hunting})
    between = Table("imports from / to", *folders, caption="checks to checks: between chapters")
    for one in folders:
        between.add_row(one, *(str(counts[one, other] or "") for other in folders))
    console.print(between)


def _folder(room: str) -> str:
    """The folder of `bughunt` that a room lies in; the chapters of `checks` are one."""
    return room.removeprefix(HUNT).lstrip(".").partition(".")[0] or "bughunt"


def _lines(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


if __name__ == "__main__":
    main()
