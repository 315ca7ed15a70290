"""The first-party files that a file can import, found in its syntax tree.

Import statements anywhere in a file count, also those in functions and of type checkers. Modules
that are named in a text, as in ``import_module("package.models")``, count too. Where a file imports
by names that it computes, nothing can be left out: see `Closure.dynamic`.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from pytest_mlregress.running.places import Places
from pytest_mlregress.running.reads import file_digest, module_at


@dataclass(frozen=True, slots=True)
class ImportsOfFile:
    """What one file's syntax tree says of its imports.

    Attributes:
        names: the modules that it may import, as (number of leading dots, dotted name).
        texts: texts in it that may be names of modules.
        by_name: whether it imports by names that it computes, or runs code from elsewhere.
        native: the libraries among its imports that open files unseen.
    """

    names: tuple[tuple[int, str], ...] = ()
    texts: tuple[str, ...] = ()
    by_name: bool = False
    native: tuple[str, ...] = ()


@dataclass(slots=True)
class Closure:
    """The files that some files can import, themselves included.

    Attributes:
        files: paths in the checkout.
        absent: modules that would be imported if they existed, as paths without suffix.
        dynamic: whether any of the files imports by computed names.
        native: the libraries among the imports that open files unseen.
        outside: modules of neither the checkout nor an installed package, by name with their file.
    """

    files: set[str] = field(default_factory=set)
    absent: set[str] = field(default_factory=set)
    dynamic: bool = False
    native: set[str] = field(default_factory=set)
    outside: dict[str, Path] = field(default_factory=dict)


def closure_of(files: Iterable[Path], places: Places) -> Closure:
    """Follow the imports of files through the checkout.

    Args:
        files: where to begin.
        places: which files are first-party.

    Returns:
        All that can be reached.
    """
    closure = Closure()
    waiting = list(files)
    while waiting:
        file = waiting.pop()
        inside = places.in_checkout(file)
        if inside is None or inside in closure.files:
            continue
        closure.files.add(inside)
        if file.suffix != ".py":
            continue
        imports = imports_of(file)
        closure.dynamic |= imports.by_name
        closure.native |= set(imports.native)
        for level, name in imports.names:
            waiting += _resolved(file, level, name, places, closure)
        for text in imports.texts:
            waiting += _resolved(file, 0, text, places, Closure())
    return closure


def _resolved(
    file: Path, level: int, name: str, places: Places, closure: Closure
) -> Iterator[Path]:
    """The first-party files that one import executes: packages on the way, and the module."""
    parts = name.split(".") if name else []
    if level:
        folders = [file.parents[level - 1]] if level <= len(file.parents) else []
        yield from _initial(folders)
    else:
        yield from _loaded(parts, places)
        folders = _top_folders(places)
        yield from _initial(_mapped(parts[0], places, closure))
    for place, part in enumerate(parts):
        hits = {folder: module_at(folder / part) for folder in folders}
        _note_absent((folder for folder in folders if hits[folder] is None), part, places, closure)
        yield from (hit for hit in hits.values() if hit is not None)
        folders = [folder / part for folder in folders if (folder / part).is_dir()]
        if place == 0 and not level:
            folders = list(dict.fromkeys([*folders, *_mapped(part, places, closure)]))
        if not folders:
            return


def _initial(folders: Iterable[Path]) -> Iterator[Path]:
    for folder in folders:
        if (package := module_at(folder)) is not None:
            yield package


def _loaded(parts: list[str], places: Places) -> Iterator[Path]:
    """The files of what is imported already, wherever a finder has found it."""
    for end in range(1, len(parts) + 1):
        module = sys.modules.get(".".join(parts[:end]))
        file = getattr(module, "__file__", None)
        if isinstance(file, str) and places.in_checkout(Path(file)) is not None:
            yield Path(file)


def _top_folders(places: Places) -> list[Path]:
    """The folders of the checkout in which a top-level module may lie."""
    folders = dict.fromkeys(Path(entry or ".").absolute() for entry in sys.path)
    return [folder for folder in folders if places.in_checkout(folder) is not None]


def _mapped(top: str, places: Places, closure: Closure) -> list[Path]:
    """Where a finder of an editable install says that a first-party package lies."""
    inside = []
    for location in _locations(top):
        if places.in_checkout(location) is not None:
            inside.append(location)
        elif not places.is_known(location):
            closure.outside[top] = location
    return inside


@cache
def _locations(top: str) -> tuple[Path, ...]:
    """Where a top-level module lies: its folders, or its file; editable installs map it freely."""
    try:
        spec = find_spec(top)
    except (ImportError, ValueError, AttributeError):
        return ()
    if spec is None:
        return ()
    if spec.submodule_search_locations is not None:
        return tuple(Path(folder).absolute() for folder in spec.submodule_search_locations)
    return (Path(spec.origin).absolute(),) if spec.has_location and spec.origin else ()


def _note_absent(folders: Iterable[Path], part: str, places: Places, closure: Closure) -> None:
    for folder in folders:
        stem = places.in_checkout(folder / part)
        if stem is not None:
            closure.absent.add(stem)


_parsed: dict[tuple[str, str], ImportsOfFile] = {}


def imports_of(file: Path) -> ImportsOfFile:
    """The imports of a file, read once for each content.

    Args:
        file: a Python file.

    Returns:
        Its imports; of a file that cannot be parsed it is unknown what it imports.
    """
    key = (str(file), file_digest(file))
    if key not in _parsed:
        try:
            _parsed[key] = _scanned(ast.parse(file.read_bytes()))
        except (OSError, SyntaxError, ValueError, RecursionError):
            _parsed[key] = ImportsOfFile(by_name=True)
    return _parsed[key]


_DYNAMIC: Final = frozenset(
    {
        *("import_module", "__import__", "find_spec", "spec_from_file_location", "exec_module"),
        *("entry_points", "iter_entry_points", "iter_modules", "walk_packages", "load_module"),
        *("run_path", "run_module", "resolve_name", "spec_from_loader", "SourceFileLoader"),
    }
)
"""Names whose use imports what no import statement says."""

_EXECUTORS: Final = frozenset({"exec", "eval"})

_BY_NAME_LIBRARIES: Final = frozenset(
    {
        *("hydra", "gin", "jsonargparse", "mmengine", "mmcv", "detectron2", "fvcore", "stevedore"),
        *("allennlp", "fiddle", "confection", "catalogue", "pluggy"),
    }
)
"""Libraries that build objects from the names of their classes."""

_NATIVE_READERS: Final = frozenset(
    {
        *("h5py", "tables", "netCDF4", "pyarrow", "polars", "duckdb", "lmdb", "safetensors", "cv2"),
        *("decord", "av", "torchcodec", "torchaudio", "soundfile", "rasterio", "nvidia", "tiledb"),
        *("ffcv", "datasets", "psycopg", "psycopg2", "tokenizers", "sentencepiece"),
        *("onnxruntime", "lightgbm", "catboost", "faiss"),
    }
)
"""Libraries that open files or databases in native code."""

_NATIVE_CALLS: Final = frozenset(
    {
        *("read_parquet", "read_feather", "read_orc", "read_hdf", "read_image", "read_video"),
        *("DMatrix", "QuantileDMatrix", "TFRecordDataset", "TextLineDataset", "GFile"),
        *("image_dataset_from_directory", "CsvDataset", "make_csv_dataset"),
    }
)
"""Functions of other libraries that do so."""


_NATIVE_METHODS: Final = frozenset(
    {
        *(("jit", "load"), ("torch", "from_file"), ("UntypedStorage", "from_file")),
        *(("TypedStorage", "from_file"), ("FloatStorage", "from_file")),
    }
)
"""As above, with the name that stands before the dot, where the function's own says too little."""


def _scanned(tree: ast.Module) -> ImportsOfFile:
    names: dict[tuple[int, str], None] = {}
    texts: dict[str, None] = {}
    by_name = False
    native: dict[str, None] = {}
    for node in ast.walk(tree):
        match node:
            case ast.Import():
                names.update({(0, alias.name): None for alias in node.names})
            case ast.ImportFrom():
                base = node.module or ""
                names[node.level, base] = None
                for alias in node.names:
                    names[node.level, f"{base}.{alias.name}".lstrip(".")] = None
                    by_name |= alias.name in _DYNAMIC
                    if alias.name in _NATIVE_CALLS:
                        native[alias.name] = None
                    if (base.rpartition(".")[2], alias.name) in _NATIVE_METHODS:
                        native[f"{base}.{alias.name}"] = None
            case ast.Constant(value=str() as text):
                if (name := _module_named(text)) is not None:
                    texts[name] = None
            case ast.Attribute(attr=called) | ast.Name(id=called):
                by_name |= called in _DYNAMIC
                if called in _NATIVE_CALLS:
                    native[called] = None
                if isinstance(node, ast.Attribute):
                    native.update(dict.fromkeys(_native_method(node)))
            case _:
                pass
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            by_name |= node.func.id in _EXECUTORS
    tops = {name.partition(".")[0] for level, name in names if level == 0}
    native.update(dict.fromkeys(sorted(tops & _NATIVE_READERS)))
    return ImportsOfFile(
        tuple(name for name in names if name != (0, "") and name[1] != "*"),
        tuple(texts),
        by_name or not tops.isdisjoint(_BY_NAME_LIBRARIES),
        tuple(native),
    )


def _native_method(node: ast.Attribute) -> Iterator[str]:
    match node.value:
        case ast.Attribute(attr=before) | ast.Name(id=before):
            if (before, node.attr) in _NATIVE_METHODS:
                yield f"{before}.{node.attr}"
        case _:
            pass


def _module_named(text: str) -> str | None:
    """The dotted name that a text may be, as of ``"package.models:Net"``; None for other texts."""
    name = text.partition(":")[0]
    if "." in name and len(name) < 200 and all(part.isidentifier() for part in name.split(".")):
        return name
    return None
