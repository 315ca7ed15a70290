"""What all of the project's own tests share."""

import compileall
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

import pytest_mlregress
from s3_server import S3Server

# In a job of GitHub Actions, runs that the tests start must not tell that job of their verdicts.
os.environ.pop("GITHUB_ACTIONS", None)
os.environ.pop("GITHUB_STEP_SUMMARY", None)

# The same commit has the same verdict: a test's own source seeds its examples, not the clock.
# `HYPOTHESIS_PROFILE=explore pytest` looks for new ones.
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.register_profile("explore", deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeatable"))


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):  # once: the tests start this code some thousand times
        compileall.compile_dir(Path(pytest_mlregress.__file__).parent, quiet=2)


@pytest.fixture(scope="session", autouse=True)
def _without_bytecode_of_suites() -> Iterator[None]:
    """Processes that are started here write no bytecode.

    A test that changes a file twice within a second would run the old one.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONDONTWRITEBYTECODE", "1")
        yield


@pytest.fixture(scope="module")
def lean_pytest() -> Iterator[None]:
    """Each pytest that is started loads this plugin alone, which takes half as long.

    For modules that start many, in processes of their own; others run with all plugins there are.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
        patch.setenv("PYTEST_ADDOPTS", "-p pytest_mlregress.plugin -p xdist")
        yield


@pytest.fixture(scope="session")
def running_s3() -> Iterator[S3Server]:
    pytest.importorskip("moto", reason="needs moto, see the group `test` in pyproject.toml")
    pytest.importorskip("s3fs", reason="needs s3fs, see the extra `s3` in pyproject.toml")
    server = S3Server()
    yield server
    server.kill()


@pytest.fixture
def s3(running_s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> S3Server:
    """A real S3-compatible server with one empty bucket, which S3 clients of this test find."""
    running_s3.reset()
    for name, value in running_s3.environment.items():
        monkeypatch.setenv(name, value)
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "FSSPEC_S3", "http_proxy", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    return running_s3
