"""Another environment: what is known of it, and when it is refused."""

import os
import re
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from pytest_mlregress import __version__
from pytest_mlregress.revisions import environment_question, environment_refusals, environments
from pytest_mlregress.revisions.environments import (
    EnvironmentFacts,
    EnvironmentProbeError,
    open_environment,
    probe,
    refuse_other_plugin,
    running_environment,
)
from pytest_mlregress.revisions.process_environment import process_environment, variables_of
from python_environments import SOURCE, install, make_environment, site_packages

ROOT = SOURCE.parent


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of an environment with everything in it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("PYTHONPATH", raising=False)
        folder = tmp_path_factory.mktemp("environments") / "old"
        make_environment(folder)
        install(folder, "tinynet", "1.2.0", "GAIN = 0.0\n")
        yield folder


@pytest.fixture(autouse=True)
def _asked_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test has environments of its own, and this source on no path that they inherit."""
    monkeypatch.delenv("PYTHONPATH", raising=False)
    probe.cache_clear()


def script(path: Path, body: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return path


def refusal(text: str, folder: Path) -> str:
    with pytest.raises(EnvironmentProbeError) as refused:
        open_environment(text, folder)
    return str(refused.value)


def test_an_environment_describes_itself(old: Path) -> None:
    facts = open_environment("old", old.parent)

    assert facts.python == old / "bin" / "python"
    assert facts.prefix == str(old.resolve())
    assert facts.version == ".".join(map(str, sys.version_info[:3]))
    assert facts.implementation == "CPython"
    assert facts.distributions["tinynet"] == "1.2.0"
    assert facts.distributions["numpy"] == running_environment().distributions["numpy"]
    assert (facts.plugin, facts.pytest) == (__version__, pytest.__version__)
    assert facts.environment["packages"] == {}  # nothing was imported to answer
    assert facts.environment["python"] == running_environment().environment["python"]


def test_an_environment_is_asked_once(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = probe(old / "bin" / "python")
    monkeypatch.setattr(environments, "TIMEOUT_S", 0.0)

    assert probe(old / "bin" / "python") is first


def test_nothing_of_the_running_interpreter_leaks_into_the_other_one(
    old: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PYTHONPATH may name installed packages of the one; source code is for both."""
    packages = tmp_path / "packages"
    (packages / "tinynet-9.9.dist-info").mkdir(parents=True)
    (packages / "tinynet-9.9.dist-info" / "METADATA").write_text("Name: tinynet\nVersion: 9.9\n")
    own = site_packages(Path(sys.prefix))
    monkeypatch.setenv("PYTHONPATH", f"{packages}:{tmp_path}:{own}")
    monkeypatch.setenv("PYTHONHOME", "/nowhere")
    monkeypatch.setenv("VIRTUAL_ENV", sys.prefix)
    monkeypatch.setenv("PATH", "/usr/bin")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "json.py").write_text("raise SystemExit('the wrong json')")
    monkeypatch.setenv("PYTHONPATH", f"{packages}:{own}")

    assert probe(old / "bin" / "python").distributions["tinynet"] == "1.2.0"

    monkeypatch.setenv("PYTHONPATH", f"{packages}:{tmp_path}:{own}")
    variables = process_environment(old / "bin" / "python")
    assert variables["PYTHONPATH"] == str(tmp_path)
    assert variables["PATH"] == f"{old}/bin:/usr/bin"
    assert variables["VIRTUAL_ENV"] == str(old)
    assert "PYTHONHOME" not in variables

    before = dict(os.environ)
    with variables_of(old / "bin" / "python"):
        assert dict(os.environ) == variables
    assert dict(os.environ) == before


def test_what_is_no_python_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    silent = script(tmp_path / "silent", "exit 3")
    shim = script(tmp_path / "shim", "echo 'pyenv: python3.9: command not found' >&2; exit 127")
    broken = script(tmp_path / "broken", "")
    broken.write_bytes(b"\x7fELF but not quite")
    slow = script(tmp_path / "slow", "sleep 3; echo late")

    assert refusal("silent", tmp_path) == (
        f"{silent} is no Python interpreter that works: it printed nothing and ended with status "
        "3; name another one"
    )
    assert refusal("shim", tmp_path) == (
        f"{shim} is no Python interpreter that works: it said 'pyenv: python3.9: command not "
        "found'; name another one"
    )
    assert refusal("broken", tmp_path) == (
        f"{broken} cannot be run: Exec format error; name a Python interpreter"
    )
    monkeypatch.setattr(environments, "TIMEOUT_S", 0.2)
    assert refusal("slow", tmp_path) == (
        f"{slow} did not describe its environment within 0.2 s; see what holds it up: {slow} -c "
        '"import pytest_mlregress"'
    )


def test_noise_of_an_interpreter_is_no_answer(old: Path, tmp_path: Path) -> None:
    """As what `sitecustomize` and the scripts that set up a cluster print."""
    script(tmp_path / "noisy", f'echo "module load: done"; exec {old}/bin/python "$@"')

    facts = open_environment("noisy", tmp_path)

    assert (facts.prefix, facts.python) == (str(old.resolve()), tmp_path / "noisy")


@pytest.mark.parametrize(
    ("line", "version"),
    [
        ("cuda: Optional[str] = '12.4'", "12.4"),
        ("hip: Optional[str] = '6.1.40091'", "6.1.40091"),
        ("cuda = '11.8'", "11.8"),
        ("cuda: Optional[str] = None", None),
    ],
)
def test_the_cuda_of_torch_is_known_without_importing_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, version: str | None
) -> None:
    (tmp_path / "torch").mkdir()
    (tmp_path / "torch" / "__init__.py").write_text("raise SystemExit('imported')")
    (tmp_path / "torch" / "version.py").write_text(f"__version__ = '2.6.0+cu124'\n{line}\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "torch", raising=False)

    assert environment_question._cuda_of_torch() == version


def test_an_old_python_says_how_old_it_is(tmp_path: Path) -> None:
    """It cannot run more than the first lines of the question."""
    age = 'sys.version_info = (2, 7, 18); sys.version = "2.7.18 (default)"'
    old = script(
        tmp_path / "python2",
        f'exec {sys.executable} -c \'import sys; {age}; exec(sys.argv.pop(1))\' "$2" "$3"',
    )

    assert refusal("python2", tmp_path) == (
        f"{old} is Python 2.7.18; pytest-mlregress {__version__} needs 3.11 or newer: create the "
        "environment with such a Python"
    )


def test_the_oldest_python_is_that_of_the_metadata() -> None:
    (oldest,) = re.findall(r'requires-python = ">=(.*)"', (ROOT / "pyproject.toml").read_text())

    assert oldest == ".".join(map(str, environment_refusals.OLDEST_PYTHON))


def test_the_running_environment_is_no_other_one(tmp_path: Path) -> None:
    assert refusal(sys.executable, tmp_path) == (
        f"{sys.executable} belongs to the environment that pytest runs in ({sys.prefix}): nothing "
        "would be compared; name the other environment's interpreter, or leave env: out"
    )


def test_an_environment_without_the_plugin_is_refused_with_the_command(tmp_path: Path) -> None:
    bare = make_environment(tmp_path / "bare", packages=False, plugin=False)
    command = f"{sys.executable} -m pip --python {bare} install -e {ROOT}"

    assert refusal("bare", tmp_path) == (
        f"the environment of {bare} lacks pytest; install it there: {command}"
    )


def test_another_version_of_the_plugin_is_refused_with_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    facts = replace(running_environment(), python=Path("/old env/bin/python"), has_pip=True)
    remedy = f"install it there: '/old env/bin/python' -m pip install -e {ROOT}"

    def refused(facts: EnvironmentFacts) -> str:
        with pytest.raises(EnvironmentProbeError) as error:
            refuse_other_plugin(facts)
        return str(error.value)

    refuse_other_plugin(facts)
    assert refused(replace(facts, plugin=None)) == (
        "the environment of /old env/bin/python lacks pytest-mlregress; both sides need "
        f"{__version__}: {remedy}"
    )
    assert refused(replace(facts, plugin="0.0.9")) == (
        "the environment of /old env/bin/python has pytest-mlregress 0.0.9, this one "
        f"{__version__}; both sides need the same: {remedy}"
    )
    assert refused(replace(facts, plugin_digest="0" * 16)) == (
        "the environment of /old env/bin/python has other sources of pytest-mlregress "
        f"{__version__} than this one; both sides need the same: {remedy}"
    )
    with monkeypatch.context() as patch:
        patch.setattr(environment_refusals.shutil, "which", lambda name: f"/usr/bin/{name}")
        assert refused(replace(facts, plugin=None, has_pip=False)).endswith(
            f"uv pip install --python '/old env/bin/python' -e {ROOT}"
        )


@pytest.mark.parametrize(
    ("origin", "words"),
    [
        ("", [f"pytest-mlregress=={__version__}"]),
        (
            '{"url": "https://example.org/p.git", '
            '"vcs_info": {"vcs": "git", "commit_id": "4041c47"}}',
            ["pytest-mlregress @ git+https://example.org/p.git@4041c47"],
        ),
        ('{"url": "file:///a%20b/p", "dir_info": {}}', ["/a b/p"]),
        ('{"url": "file:///a/p", "dir_info": {"editable": true}}', ["-e", "/a/p"]),
        (
            '{"url": "https://example.org/p.whl", "archive_info": {}}',
            ["pytest-mlregress @ https://example.org/p.whl"],
        ),
    ],
)
def test_the_command_installs_what_runs_here(
    origin: str, words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Installed:
        def read_text(self, name: str) -> str:
            assert name == "direct_url.json"
            return origin

    monkeypatch.setattr(environment_refusals.metadata, "distribution", lambda name: Installed())
    monkeypatch.setattr(
        environment_refusals, "_package", lambda: tmp_path / "site-packages" / "plugin"
    )

    assert environment_refusals._requirement() == words


def test_a_copy_of_the_plugin_with_other_sources_is_told_apart(tmp_path: Path) -> None:
    """Two development versions have one number."""
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x.py").write_bytes(b"A = 1\r\n")
    first = environment_refusals.digest_of_sources(tmp_path)
    (tmp_path / "a" / "x.py").write_bytes(b"A = 1\n")
    assert environment_refusals.digest_of_sources(tmp_path) == first
    (tmp_path / "a" / "x.py").write_bytes(b"A = 2\n")
    assert environment_refusals.digest_of_sources(tmp_path) != first
