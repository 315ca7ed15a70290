"""What can move numbers, seen without moving anything."""

import json
import platform
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from pytest_mlregress.baselines import distributions, packages
from pytest_mlregress.baselines import environment as environment_module
from pytest_mlregress.baselines.environment import (
    describe_environment,
    environment_differences,
    environment_fingerprint,
    same_environment,
)
from pytest_mlregress.baselines.packages import package_versions

PLAIN = (str, int, bool, type(None))


def in_a_fresh_process(code: str, **variables: str) -> dict:
    program = (
        "import json, sys\n"
        "from pytest_mlregress.baselines.environment import describe_environment\n"
        f"{code}\n"
        "print(json.dumps({'facts': facts, 'modules': sorted(sys.modules)}))"
    )
    environment = {"PATH": "", "PYTHONPATH": ":".join(sys.path), **variables}
    printed = subprocess.check_output([sys.executable, "-c", program], env=environment, text=True)
    return json.loads(printed)


def test_looking_imports_nothing_that_trains() -> None:
    seen = in_a_fresh_process("facts = describe_environment(['numpy', 'scipy', 'torch'])")

    assert not {"numpy", "scipy", "torch", "pytest"} & set(seen["modules"])
    assert seen["facts"]["packages"] == {}
    assert seen["facts"]["gpus"] == []


def test_the_facts_are_plain_builtins() -> None:
    pytest.importorskip("torch")
    facts = describe_environment(["hypothesis"])

    for fact in facts.values():
        if isinstance(fact, list):
            assert all(type(item) is str for item in fact)
        elif isinstance(fact, dict):
            assert all(type(value) in PLAIN for value in fact.values())
        else:
            assert type(fact) in PLAIN


def test_python_and_the_machine_are_described() -> None:
    facts = describe_environment()

    assert facts["python"] == f"{platform.python_implementation()} {platform.python_version()}"
    assert facts["platform"] == f"{platform.system()} {platform.machine()}"
    assert facts["cpu"]


def test_two_processes_agree() -> None:
    code = "import numpy; facts = describe_environment()"

    first, second = in_a_fresh_process(code), in_a_fresh_process(code)

    assert environment_fingerprint(first["facts"]) == environment_fingerprint(second["facts"])


def test_no_clock_host_or_path_is_among_the_facts() -> None:
    text = json.dumps(describe_environment())

    assert platform.node() not in text
    assert str(Path.home()) not in text


def test_torchs_flags_are_seen() -> None:
    torch = pytest.importorskip("torch")
    before = describe_environment()
    flag = torch.are_deterministic_algorithms_enabled()
    try:
        torch.use_deterministic_algorithms(not flag)
        after = describe_environment()
    finally:
        torch.use_deterministic_algorithms(flag)

    words = {True: "on", False: "off"}
    assert environment_differences(before, after) == [
        f"deterministic_algorithms: {words[flag]} -> {words[not flag]}"
    ]
    assert before["threads"] == torch.get_num_threads()


def test_a_flag_that_torch_refuses_to_tell_is_unknown() -> None:
    torch = pytest.importorskip("torch")
    if not hasattr(torch.backends.cuda.matmul, "fp32_precision"):
        pytest.skip("this torch has only one way to set TF32")
    # In a process of its own: the new way of setting it cannot be undone by the old one.
    code = "import torch; torch.backends.fp32_precision = 'tf32'; facts = describe_environment()"

    determinism = in_a_fresh_process(code)["facts"]["determinism"]

    assert "matmul.allow_tf32" in determinism
    assert determinism["default_dtype"] == "torch.float32"


@pytest.mark.parametrize(("limit", "threads"), [("3", 3), ("", None), ("many", None)])
def test_threads_without_torch_are_openmps(limit: str, threads: int | None) -> None:
    import os

    seen = in_a_fresh_process("facts = describe_environment()", OMP_NUM_THREADS=limit)

    assert seen["facts"]["threads"] == (threads or os.cpu_count())


def test_the_variables_of_determinism_are_seen() -> None:
    seen = in_a_fresh_process(
        "facts = describe_environment()",
        PYTHONHASHSEED="0",
        CUBLAS_WORKSPACE_CONFIG=":4096:8",
    )

    assert seen["facts"]["determinism"] == {
        "PYTHONHASHSEED": "0",
        "CUBLAS_WORKSPACE_CONFIG": ":4096:8",
    }


def torch_with_gpus(*, initialized: bool) -> ModuleType:
    torch = ModuleType("torch")
    torch.get_num_threads = lambda: 1
    torch.cuda = SimpleNamespace(
        is_initialized=lambda: initialized,
        device_count=lambda: 2,
        get_device_name=lambda i: ["NVIDIA H200", "NVIDIA H200"][i],
    )
    torch.version = SimpleNamespace(cuda="12.8", hip=None)
    torch.backends = SimpleNamespace(cudnn=SimpleNamespace(version=lambda: 91002))
    return torch


def test_gpus_in_use_are_named_once_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", torch_with_gpus(initialized=True))
    monkeypatch.setattr(environment_module, "_gpu_driver", lambda: "570.86.15")

    facts = describe_environment()

    assert facts["gpus"] == ["NVIDIA H200"]
    assert (facts["driver"], facts["cuda"], facts["cudnn"]) == ("570.86.15", "12.8", "91002")


@pytest.mark.parametrize(
    "text",
    [
        "NVRM version: NVIDIA UNIX x86_64 Kernel Module  570.86.15  Thu Jan 23 02:41:07 UTC 2026\n"
        "GCC version:  gcc version 12.3.0 (Ubuntu 12.3.0-1ubuntu1~22.04)\n",
        "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  570.86.15  Release Build\n",
    ],
)
def test_the_driver_is_read_from_its_own_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    (tmp_path / "version").write_text(text)
    monkeypatch.setattr(environment_module, "_DRIVER", tmp_path / "version")
    environment_module._gpu_driver.cache_clear()

    assert environment_module._gpu_driver() == "570.86.15"

    (tmp_path / "version").unlink()
    environment_module._gpu_driver.cache_clear()
    assert environment_module._gpu_driver() is None
    environment_module._gpu_driver.cache_clear()


def test_gpus_that_no_one_used_are_left_asleep(monkeypatch: pytest.MonkeyPatch) -> None:
    torch = torch_with_gpus(initialized=False)
    torch.cuda.device_count = lambda: pytest.fail("woke the GPUs up")
    monkeypatch.setitem(sys.modules, "torch", torch)

    assert describe_environment()["gpus"] == []


def test_a_broken_package_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", ModuleType("torch"))

    facts = describe_environment()

    assert facts["threads"] is None
    assert facts["determinism"]["default_dtype"] is None


def test_packages_that_move_numbers_are_listed_under_their_own_names() -> None:
    pytest.importorskip("sklearn")

    versions = package_versions()

    assert versions["scikit-learn"] == metadata.version("scikit-learn")
    assert versions["numpy"] == metadata.version("numpy")


def test_packages_of_the_test_modules_are_listed_and_tools_are_not() -> None:
    import click  # noqa: F401

    versions = package_versions(["click.core", "pytest", "json", "never_imported", "os"])

    assert versions["click"] == metadata.version("click")
    assert not {"pytest", "json", "hypothesis"} & versions.keys()
    assert "click" not in package_versions()


@pytest.mark.parametrize(
    ("origin", "listed"),
    [
        ('{"url": "file:///home/me/mine", "dir_info": {"editable": true}}', False),
        ('{"url": "file:///wheels/mine.whl", "archive_info": {}}', False),
        ('{"url": "https://git.example/mine", "vcs_info": {"vcs": "git"}}', False),
        ("no json", False),
        (None, True),
    ],
)
def test_the_package_under_test_is_identified_by_its_commit_instead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, origin: str | None, listed: bool
) -> None:
    name = f"mine{len(origin or '')}"  # versions are looked up once per name
    about = tmp_path / f"{name}-1.2.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2\n")
    (about / "top_level.txt").write_text(name)
    if origin is not None:
        (about / "direct_url.json").write_text(origin)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(sys.modules, name, ModuleType(name))
    distributions._installed.cache_clear()

    assert package_versions([name]).get(name) == ("1.2" if listed else None)
    distributions._installed.cache_clear()


@pytest.mark.parametrize(
    ("origin", "listed"),
    [
        ('{"url": "https://download.example/nightly.whl", "archive_info": {}}', True),
        ('{"url": "file:///home/me/xgboost", "dir_info": {}}', False),
        (None, True),
    ],
)
def test_a_known_library_is_found_under_its_other_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, origin: str | None, listed: bool
) -> None:
    """xgboost-cpu gives the module xgboost; so do nightly builds from a URL."""
    name = f"xgboost-cpu{len(origin or '')}"  # versions are looked up once per name
    about = tmp_path / f"{name.replace('-', '_')}-3.1.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 3.1\n")
    (about / "top_level.txt").write_text("xgboost")
    if origin is not None:
        (about / "direct_url.json").write_text(origin)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(sys.modules, "xgboost", ModuleType("xgboost"))
    caches = (
        distributions._installed,
        distributions.distributions_of,
        packages._distributions_of_known,
    )
    for cached in caches:
        cached.cache_clear()

    assert package_versions().get(name) == ("3.1" if listed else None)
    for cached in caches:
        cached.cache_clear()


OLD = {
    "cpu": "AMD EPYC 9654",
    "determinism": {"PYTHONHASHSEED": None, "cudnn.benchmark": False, "default_dtype": "float32"},
    "gpus": ("NVIDIA H200",),
    "libc": "glibc 2.36",
    "packages": {"numpy": "2.4.0", "pandas": "3.0.0", "torch": "2.12.0"},
    "threads": 1,
}


def test_differences_are_said_in_words() -> None:
    new = {
        "cpu": "AMD EPYC 9654",
        "determinism": {"PYTHONHASHSEED": "0", "cudnn.benchmark": True},
        "gpus": [],
        "libc": None,
        "packages": {"numpy": "2.4.0", "torch": "2.13.0"},
        "threads": 4,
    }

    assert environment_differences(OLD, new) == [
        "PYTHONHASHSEED: unset -> 0",
        "cudnn.benchmark: off -> on",
        "GPUs: NVIDIA H200 -> none",
        "C library: glibc 2.36 -> unknown",
        "torch 2.12.0 -> 2.13.0",
        "threads: 1 -> 4",
    ]
    assert not same_environment(OLD, new)


def test_a_list_is_the_same_before_and_after_it_was_in_a_file() -> None:
    assert same_environment(OLD, {**OLD, "gpus": ["NVIDIA H200"]})
    assert environment_fingerprint(OLD) == environment_fingerprint({**OLD, "gpus": ["NVIDIA H200"]})


def test_what_another_test_imported_is_no_difference() -> None:
    more = {**OLD, "packages": {**OLD["packages"], "timm": "1.0"}}

    assert environment_differences(OLD, more) == []
    assert environment_differences(more, OLD) == []


@pytest.mark.parametrize("name", sorted(OLD))
def test_every_fact_enters_the_fingerprint(name: str) -> None:
    rest = {fact: value for fact, value in OLD.items() if fact != name}

    assert environment_fingerprint(rest) != environment_fingerprint(OLD)


def test_an_empty_baseline_environment_differs_without_failing() -> None:
    assert "threads: unknown -> 1" in environment_differences({}, OLD)
