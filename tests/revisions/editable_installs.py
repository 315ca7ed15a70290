"""What build backends write into an environment for an editable install.

Each function writes the files of one backend and mode, as `pip install -e` did with setuptools
84.2, hatchling 1.33, flit-core 4.2, poetry-core 2.5, pdm-backend 2.5, editables 0.6, meson-python
0.22 and scikit-build-core 1.1; the finders are those of the backends, reduced to what finds.
"""

from __future__ import annotations

import json
import shutil
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

SRC = "src/demo"


@dataclass(frozen=True)
class Mode:
    """A way to install: the name of the package, its folder in the project, and what is written."""

    package: str
    folder: str
    pyproject: str
    write: Callable[[Path, Path], None]


def record(site: Path, project: Path, *, editable: bool, files: list[str]) -> None:
    """Write the metadata, with the folder that the distribution was installed from."""
    folder = site / "demo_pkg-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: demo-pkg\nVersion: 1.0\n")
    (folder / "direct_url.json").write_text(
        json.dumps({"url": project.as_uri(), "dir_info": {"editable": True} if editable else {}})
    )
    lines = [f"{name},," for name in [*files, "demo_pkg-1.0.dist-info/RECORD"]]
    (folder / "RECORD").write_text("\n".join(lines))


def a_line_of_a_pth(name: str, folder: str = "src") -> Callable[[Path, Path], None]:
    def write(site: Path, project: Path) -> None:
        (site / name).write_text(f"{project / folder}\n")
        record(site, project, editable=True, files=[name])

    return write


def a_finder(pth: str, module: str, line: str, text: str) -> Callable[[Path, Path], None]:
    def write(site: Path, project: Path) -> None:
        (site / pth).write_text(line)
        (site / f"{module}.py").write_text(textwrap.dedent(text).replace("PROJECT", str(project)))
        record(site, project, editable=True, files=[pth, f"{module}.py"])

    return write


def a_tree_of_links(site: Path, project: Path) -> None:
    """setuptools in strict mode: the folder on the path holds a link to each file."""
    tree = project / "build" / "__editable__.demo_pkg-1.0-py3-none-any"
    (tree / "demo").mkdir(parents=True)
    for file in (project / SRC).iterdir():
        (tree / "demo" / file.name).symlink_to(file)
    (site / "__editable__.demo_pkg-1.0.pth").write_text(f"{tree}\n")
    record(site, project, editable=True, files=["__editable__.demo_pkg-1.0.pth"])


def a_copy(site: Path, project: Path) -> None:
    """`pip install .`, which is no editable install."""
    shutil.copytree(project / SRC, site / "demo")
    names = [f"demo/{file.name}" for file in (project / SRC).iterdir()]
    record(site, project, editable=False, files=names)


SETUPTOOLS = "__editable___demo_pkg_1_0_finder"
SETUPTOOLS_FINDER = """
    import sys
    from importlib.machinery import ModuleSpec, PathFinder
    from importlib.util import spec_from_file_location
    from pathlib import Path

    MAPPING = {"PACKAGE": "PROJECT/FOLDER"}
    NAMESPACES = SHARED
    PATH_PLACEHOLDER = "__editable__.demo_pkg-1.0.finder.__path_hook__"


    class _EditableFinder:
        @classmethod
        def find_spec(cls, fullname, path=None, target=None):
            if fullname in MAPPING:
                return spec_from_file_location(fullname, Path(MAPPING[fullname], "__init__.py"))
            parent, _, child = fullname.rpartition(".")
            if parent and parent in MAPPING:
                return PathFinder.find_spec(fullname, path=[MAPPING[parent]])
            return None


    class _EditableNamespaceFinder:
        @classmethod
        def _path_hook(cls, path):
            if path == PATH_PLACEHOLDER:
                return cls
            raise ImportError

        @classmethod
        def find_spec(cls, fullname, target=None):
            if fullname in NAMESPACES:
                spec = ModuleSpec(fullname, None, is_package=True)
                spec.submodule_search_locations = [*NAMESPACES[fullname], PATH_PLACEHOLDER]
                return spec
            return None


    def install():
        sys.meta_path.append(_EditableFinder)
        if NAMESPACES:
            sys.path_hooks.append(_EditableNamespaceFinder._path_hook)
            sys.path.append(PATH_PLACEHOLDER)
"""
EDITABLES_FINDER = """
    import importlib.util
    import sys


    class RedirectingFinder:
        @classmethod
        def find_spec(cls, fullname, path=None, target=None):
            if fullname == "demo" and path is None:
                return importlib.util.spec_from_file_location(
                    fullname, "PROJECT/src/demo/__init__.py"
                )


    sys.meta_path.append(RedirectingFinder)
"""
MESON_FINDER = """
    import importlib.util
    import os
    import sys

    FILES = {"demo": "PROJECT/src/demo/__init__.py", "demo.layers": "PROJECT/src/demo/layers.py"}


    class MesonpyMetaFinder:
        def find_spec(self, fullname, path=None, target=None):
            file = FILES.get(fullname)
            if file is None or not os.path.exists(file):
                return None
            return importlib.util.spec_from_file_location(
                fullname, file, submodule_search_locations=["demo"] if fullname == "demo" else None
            )


    def init():
        sys.meta_path.insert(0, MesonpyMetaFinder())
"""
SKBUILD_FINDER = """
    import importlib.util
    import os
    import sys

    DIR = os.path.dirname(__file__)


    class ScikitBuildRedirectingFinder:
        def __init__(self, known_source_files, submodule_search_locations):
            self.files = known_source_files
            self.locations = submodule_search_locations

        def find_spec(self, fullname, path=None, target=None):
            if fullname in self.files:
                return importlib.util.spec_from_file_location(
                    fullname,
                    self.files[fullname],
                    submodule_search_locations=self.locations.get(fullname),
                )


    def install(files, locations):
        sys.meta_path.insert(0, ScikitBuildRedirectingFinder(files, locations))


    install(
        {"demo": "PROJECT/src/demo/__init__.py", "demo.layers": "PROJECT/src/demo/layers.py"},
        {"demo": ["PROJECT/src/demo", os.path.join(DIR, "demo")]},
    )
"""


def setuptools_finder(
    package: str, folder: str, shared: str = "{}"
) -> Callable[[Path, Path], None]:
    text = SETUPTOOLS_FINDER.replace("PACKAGE", package).replace("FOLDER", folder)
    return a_finder(
        "__editable__.demo_pkg-1.0.pth",
        SETUPTOOLS,
        f"import {SETUPTOOLS}; {SETUPTOOLS}.install()",
        text.replace("SHARED", shared),
    )


SETUPTOOLS_TABLE = "[tool.setuptools]\npackages = ['{0}']\npackage-dir = {{'{0}' = 'lib'}}\n"
MODES = {
    "setuptools, src layout": Mode(
        "demo", SRC, "", a_line_of_a_pth("__editable__.demo_pkg-1.0.pth")
    ),
    "setuptools, flat layout": Mode(
        "demo",
        "demo",
        "[tool.setuptools]\npackages = ['demo']\n",
        setuptools_finder("demo", "demo"),
    ),
    "setuptools, another folder": Mode(
        "demo", "lib", SETUPTOOLS_TABLE.format("demo"), setuptools_finder("demo", "lib")
    ),
    "setuptools, namespace": Mode(
        "acme.demo",
        "lib",
        SETUPTOOLS_TABLE.format("acme.demo"),
        setuptools_finder("acme.demo", "lib", "{'acme': []}"),
    ),
    "setuptools, strict": Mode("demo", SRC, "", a_tree_of_links),
    "setuptools, namespace in src": Mode(
        "acme.demo", "src/acme/demo", "", a_line_of_a_pth("__editable__.demo_pkg-1.0.pth")
    ),
    "hatchling and pdm": Mode("demo", SRC, "", a_line_of_a_pth("_editable_impl_demo_pkg.pth")),
    "flit and poetry": Mode("demo", SRC, "", a_line_of_a_pth("demo.pth")),
    "flat layout by a line": Mode("demo", "demo", "", a_line_of_a_pth("demo.pth", ".")),
    "editables": Mode(
        "demo",
        SRC,
        "",
        a_finder(
            "_editable_impl_demo_pkg.pth",
            "_editable_impl_demo_pkg",
            "import _editable_impl_demo_pkg",
            EDITABLES_FINDER,
        ),
    ),
    "meson-python": Mode(
        "demo",
        SRC,
        "",
        a_finder(
            "demo-pkg-editable.pth",
            "_demo_pkg_editable_loader",
            "import _demo_pkg_editable_loader; _demo_pkg_editable_loader.init()",
            MESON_FINDER,
        ),
    ),
    "scikit-build-core": Mode(
        "demo",
        SRC,
        "",
        a_finder(
            "_editable_skbc_demo_pkg.pth",
            "_editable_skbc_demo_pkg",
            "import _editable_skbc_demo_pkg\n",
            SKBUILD_FINDER,
        ),
    ),
}
