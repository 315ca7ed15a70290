"""Jenkins and Buildkite: one pipeline trains, and another, which has the token, writes."""

from __future__ import annotations

import json
import re
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from ci_service import (
    FILES,
    Machine,
    add_to_patch,
    buildkite_scripts,
    jenkins_scripts,
    loaded,
    pushed,
)

PUBLISH = "Jenkinsfile.mlregress-publish"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Jenkinsfile",
         ["agent", "options", "triggers", "parameters", "environment", "stages", "post"]),
        (PUBLISH, ["agent", "options", "parameters", "environment", "stages"]),
    ],
)  # fmt: skip
def test_a_jenkinsfile_is_balanced_and_declarative(name: str, expected: list[str]) -> None:
    text = (FILES / name).read_text(encoding="utf-8")
    bare = re.sub(r"'''.*?'''|'[^'\n]*'|\"[^\"\n]*\"|//[^\n]*", "", text, flags=re.DOTALL)
    for opening, closing in ("{}", "()", "[]"):
        assert bare.count(opening) == bare.count(closing)
    assert re.findall(r"^    (\w+) \{", bare, re.MULTILINE) == expected


RUNS_CODE = re.compile(r"pytest|pip install|-m venv")


def test_no_pipeline_that_runs_code_of_the_project_can_write() -> None:
    trains = (FILES / "Jenkinsfile").read_text(encoding="utf-8")
    assert not re.search(r"credentialsId|withCredentials|git push", trains)
    publishes = (FILES / PUBLISH).read_text(encoding="utf-8")
    assert "credentialsId: 'mlregress'" in publishes
    assert not RUNS_CODE.search(publishes)

    assert "git push" not in "".join(buildkite_scripts("buildkite.yml").values())
    (step,) = loaded(FILES / "buildkite-update.yml")["steps"]
    assert step["agents"] == {"queue": "mlregress-update"}
    assert step["if"] == "build.branch == pipeline.default_branch"
    assert not RUNS_CODE.search(step["commands"])


def test_what_the_pipeline_of_a_pull_request_hands_over_is_numbers() -> None:
    """Groovy takes the parameters into names of projects only where they are nothing else."""
    text = (FILES / PUBLISH).read_text(encoding="utf-8")
    assert text.count("params.BUILD ==~ /[0-9]+/") == text.count("expression {") == 2
    assert "params.CHANGE ==~ /[0-9]+/" in text
    assert not re.search(r'"[^"\n]*\$\{params', text)


@pytest.mark.slow
def test_the_check_on_jenkins(tmp_path: Path) -> None:
    machine = Machine(tmp_path).prepare(loss=0.4)
    install, check, *_ = jenkins_scripts("Jenkinsfile")
    assert machine.run(install).returncode == 0
    done = machine.run(check, CHANGE_TARGET="main", SEEDS=str(tmp_path / "seeds"))
    assert done.returncode == 1, done.stdout + done.stderr
    assert (machine.checkout / "reports/junit.xml").is_file()
    assert machine.git(machine.checkout, "status", "--short") == ""


@pytest.mark.slow
def test_the_update_on_jenkins_pushes_baselines_alone(tmp_path: Path) -> None:
    machine = Machine(tmp_path).prepare(loss=0.0)
    install, *_, record = jenkins_scripts("Jenkinsfile")
    done = machine.run(install + record)
    assert done.returncode == 0, done.stdout + done.stderr
    patch = machine.checkout / "reports" / "baselines.patch"
    add_to_patch(machine, patch)
    *_, commit, push = jenkins_scripts(PUBLISH)
    for script in (commit, push):
        done = machine.run(script, BUILD="77")
        assert done.returncode == 0, done.stdout + done.stderr
    assert pushed(machine) == ["__baselines__/test_training/test_training.default.json"]
    patch.write_text("")
    done = machine.run(commit, BUILD="78")
    assert (done.returncode, done.stdout) == (0, "no baseline has changed\n")


THEIRS = {"id": 2, "user": {"login": "you"}, "body": "<!-- mlregress -->\nnot ours"}
OURS = {"id": 3, "user": {"login": "robot"}, "body": "<!-- mlregress -->\nold"}


@pytest.mark.parametrize(
    ("pages", "method", "place"),
    [
        ([[THEIRS]], "POST", "12/comments"),
        ([[THEIRS] * 100, [OURS]], "PATCH", "comments/3"),
    ],
)
def test_the_comment_of_jenkins_is_written_once_and_then_updated(
    tmp_path: Path, pages: list[list[Any]], method: str, place: str
) -> None:
    written: list[tuple[str, str, str]] = []
    issues = "/repos/me/project/issues"

    class Service(BaseHTTPRequestHandler):
        def answer(self) -> None:
            assert self.headers["Authorization"] == "Bearer secret"
            path, _, query = self.path.partition("?")
            answer: Any = {}
            if self.command == "GET":
                assert path == f"{issues}/12/comments"
                answer = pages[int(query.rpartition("=")[2]) - 1]
            else:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                written.append((self.command, path, body))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(answer).encode())

        do_GET = do_POST = do_PATCH = answer  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    machine = Machine(tmp_path).prepare(loss=0.0)
    (machine.checkout / "reports").mkdir()
    report = machine.checkout / "reports" / "mlregress.md"
    report.write_text("## 🔴 mlregress: red\n", encoding="utf-8")
    (script,) = [text for text in jenkins_scripts(PUBLISH) if "GITHUB_TOKEN" in text]
    with HTTPServer(("127.0.0.1", 0), Service) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        done = machine.run(
            script,
            GITHUB_API=f"http://127.0.0.1:{server.server_port}",
            GITHUB_USER="robot",
            GITHUB_TOKEN="secret",
            GIT_URL="git@github.com:me/project.git",
            CHANGE="12",
        )
        server.shutdown()
    assert (done.returncode, done.stderr) == (0, "")
    ((called, path, body),) = written
    assert (called, path) == (method, f"{issues}/{place}")
    assert json.loads(body) == {"body": "<!-- mlregress -->\n## 🔴 mlregress: red\n"}


@pytest.mark.slow
def test_the_check_on_buildkite_ends_with_an_annotation(tmp_path: Path) -> None:
    machine = Machine(tmp_path).prepare(loss=0.4)
    script = buildkite_scripts("buildkite.yml")["mlregress-check"]
    done = machine.run(script, BUILDKITE_PULL_REQUEST_BASE_BRANCH="main")
    assert done.returncode == 1, done.stdout + done.stderr
    (call,) = machine.calls
    assert call[:-1] == [
        *("buildkite-agent", "annotate", "--context", "mlregress", "--style", "error"),
    ]
    assert call[-1].startswith("## 🔴 mlregress: 1 of 1 test got worse")


DOWNLOAD = """\
#!/bin/sh
# The agent, which downloads what the other build has left.
echo "$@" >> "$CALLS"
mkdir -p reports && cp "$KEPT" reports/
"""


@pytest.mark.slow
def test_the_update_on_buildkite_pushes_baselines_alone(tmp_path: Path) -> None:
    machine = Machine(tmp_path).prepare(loss=0.0)
    script = buildkite_scripts("buildkite.yml")["mlregress-record"]
    done = machine.run(script, BUILDKITE_BUILD_ID="an-id")
    assert done.returncode == 0, done.stdout + done.stderr
    (call,) = machine.calls
    assert call[-1] == "Start the pipeline mlregress-update with MLREGRESS_RECORDED=an-id\n"
    patch = machine.checkout / "reports" / "baselines.patch"
    add_to_patch(machine, patch)
    kept = tmp_path / "baselines.patch"
    patch.rename(kept)
    (tmp_path / "bin" / "buildkite-agent").write_text(DOWNLOAD)
    (tmp_path / "calls").unlink()

    update = buildkite_scripts("buildkite-update.yml")["mlregress-update"]
    done = machine.run(update)
    assert done.returncode != 0
    assert "start the build with the id of the build that recorded" in done.stderr
    done = machine.run(
        update, MLREGRESS_RECORDED="an-id", BUILDKITE_BUILD_NUMBER="77", KEPT=str(kept)
    )
    assert done.returncode == 0, done.stdout + done.stderr
    called = (tmp_path / "calls").read_text()
    assert called == "artifact download reports/baselines.patch . --build an-id\n"
    assert pushed(machine) == ["__baselines__/test_training/test_training.default.json"]
