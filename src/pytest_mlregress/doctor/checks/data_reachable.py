"""Data that only one machine or account has, and data that is not there."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from pytest_mlregress.doctor.data_paths import WrittenPath, paths_in, texts_saved_to
from pytest_mlregress.doctor.finding import DoctorFinding
from pytest_mlregress.doctor.git_history import tracked_files
from pytest_mlregress.doctor.project import Project
from pytest_mlregress.doctor.project_folder import text_of
from pytest_mlregress.doctor.registry import Question, check
from pytest_mlregress.plurals import count_of

PRIVATE: Final = Question(
    "data-private",
    "data",
    "No data at an absolute path of one machine, in a bucket that needs an account, or untracked "
    "by git; no credentials are read.",
)
MISSING: Final = Question(
    "data-missing",
    "data",
    "The files that the tests' code reads by name exist, or it fetches them.",
)

_MACHINE: Final = re.compile(
    r"(/home/|/Users/|/root/|/mnt/|/media/|/scratch|/data\d*/|/datasets?/|/nfs|/gpfs|/lustre|/work/"
    r"|/export/|/projects?/|/storage/|~/(?!\.cache)|[A-Za-z]:\\)"
)
_BUCKET: Final = re.compile(r"(s3|s3a|gs|gcs|abfss?|az|hdfs|wasbs?|dbfs)://")
_CREDENTIAL: Final = re.compile(
    r"[A-Z0-9_]*(ACCESS_KEY|SECRET|PASSWORD|API_KEY|_TOKEN|CREDENTIALS)[A-Z0-9_]*"
)
_DATA: Final = re.compile(
    r".*\.(csv|tsv|npz|npy|parquet|feather|json|jsonl|pt|pth|pkl|pickle|h5|hdf5|txt|zip|gz|tar|arrow"
    r"|mat|db|ckpt|safetensors|wav|png|jpg)", re.IGNORECASE,
)  # fmt: skip
_FETCHES: Final = re.compile(
    r"download|urlretrieve|urlopen|requests\.get|hf_hub|snapshot_download|pooch|gdown|wget|curl|dvc"
    r"|\.exists\(|isfile\(|FileNotFoundError"
)
_PLACEHOLDERS: Final = re.compile(r"[<>{}$*?%]|path/to|/dev/|^/tmp")


@check(PRIVATE, MISSING)
def data_reachable(project: Project) -> Iterator[DoctorFinding]:
    """Look at the paths and the environment variables in the code that the tests import."""
    project.require_tests()
    modules = project.modules_of(project.code)
    paths = [path for module in modules for path in paths_in(module)]
    private = [*_private(paths, project), *_credentials(project), *_not_in_git(paths, project)]
    yield from private
    if not private:
        yield PRIVATE.ok(f"none among {count_of(len(paths), 'path')} in the tests' code")
    saved = {text for module in modules for text in texts_saved_to(module)}
    missing = [*_missing([path for path in paths if path.text not in saved], project)]
    yield from missing
    if not missing:
        named = [path for path in paths if _is_data_file(path)]
        yield MISSING.ok(f"{count_of(len(named), 'file')} of data read by name, none is missing")


def _private(paths: list[WrittenPath], project: Project) -> Iterator[DoctorFinding]:
    seen = set()
    for path in paths:
        is_bucket = _BUCKET.match(path.text) is not None
        if path.text in seen or not (is_bucket or _MACHINE.match(path.text)):
            continue
        seen.add(path.text)
        why = "a bucket that needs an account" if is_bucket else "an absolute path of one machine"
        yield PRIVATE.warning(
            f"{path.text!r} is {why}",
            "take the place from an option or a documented environment variable, and say in the "
            "README how to get the data",
            project.place(path.module.file, path.line),
        )


def _credentials(project: Project) -> Iterator[DoctorFinding]:
    from pytest_mlregress.running.file_uses import uses_of

    for file in project.code:
        for name in uses_of(file).variables:
            if _CREDENTIAL.fullmatch(name):
                yield PRIVATE.warning(
                    f"reads the credentials {name} from the environment: others have none",
                    "publish the data, or keep a public sample that the tests train on",
                    project.place(file, _line_with(file, name)),
                )


def _line_with(file: Path, text: str) -> int:
    lines = text_of(file).splitlines()
    return next((number for number, line in enumerate(lines, start=1) if text in line), 0)


def _is_data_file(path: WrittenPath) -> bool:
    return (
        path.reads
        and _DATA.fullmatch(path.text) is not None
        and "://" not in path.text
        and not _PLACEHOLDERS.search(path.text)
    )


def _found_at(path: WrittenPath, project: Project) -> Path | None:
    """Where a relative path leads, from any folder that the tests may run in."""
    folders = (project.rootdir, project.folder, project.top, *path.module.file.parents)
    for folder in folders:
        if folder.is_relative_to(project.top) and (folder / path.text).exists():
            return folder / path.text
    return None


def _not_in_git(paths: list[WrittenPath], project: Project) -> Iterator[DoctorFinding]:
    tracked = tracked_files(project.top)
    if tracked is None:
        return
    known = {os.path.realpath(file) for file in tracked}
    for path in {path.text: path for path in paths if _is_data_file(path)}.values():
        found = _found_at(path, project)
        if found is None or not found.is_file() or os.path.realpath(found) in known:
            continue
        if not _FETCHES.search(text_of(path.module.file)):
            yield PRIVATE.warning(
                f"{path.text!r} lies here, and git does not track it: no clone has it",
                "commit it, keep it in Git LFS or DVC, or fetch it in the code",
                project.place(path.module.file, path.line),
            )


def _missing(paths: list[WrittenPath], project: Project) -> Iterator[DoctorFinding]:
    for path in {path.text: path for path in paths if _is_data_file(path)}.values():
        absolute = Path(path.text).is_absolute()
        found = Path(path.text).exists() if absolute else _found_at(path, project)
        if not found and not _FETCHES.search(text_of(path.module.file)):
            yield MISSING.problem(
                f"{path.text!r} is read, and no such file is here",
                "commit the file, fetch it in the code, or say in the README how to get it",
                project.place(path.module.file, path.line),
            )
