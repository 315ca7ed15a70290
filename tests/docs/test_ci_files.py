"""The CI files are valid, and their scripts do on a machine what they promise."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from ci_service import (
    EXPRESSION,
    FILES,
    ROOT,
    Machine,
    add_to_patch,
    buildkite_scripts,
    jenkins_scripts,
    loaded,
    pushed,
    run_steps,
)

COPIES = ROOT / "src" / "pytest_mlregress" / "scaffold" / "files"
YAML = ("github-actions.yml", "github-comment.yml", "gitlab-ci.yml")
BUILDKITE = ("buildkite.yml", "buildkite-update.yml")
JENKINS = ("Jenkinsfile", "Jenkinsfile.mlregress-publish")


@pytest.mark.parametrize("name", [*YAML, *BUILDKITE, *JENKINS])
def test_init_writes_the_files_of_the_documentation(name: str) -> None:
    assert (COPIES / name).read_bytes() == (FILES / name).read_bytes()


@pytest.mark.parametrize(
    ("schema", "files"),
    [
        ("github-workflows", [FILES / YAML[0], FILES / YAML[1], ROOT / "action" / "example.yml"]),
        ("github-actions", [ROOT / "action" / "action.yml"]),
        ("gitlab-ci", [FILES / "gitlab-ci.yml"]),
        ("buildkite", [FILES / name for name in BUILDKITE]),
    ],
)
def test_yaml_is_valid_by_the_schema_of_its_service(schema: str, files: list[Path]) -> None:
    transform = ["--data-transform", "gitlab-ci"] if schema == "gitlab-ci" else []
    done = subprocess.run(
        [
            *(sys.executable, "-m", "check_jsonschema"),
            *("--builtin-schema", f"vendor.{schema}", *transform, *map(str, files)),
        ],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout


def scripts() -> Iterator[tuple[str, str]]:
    """Every script of every file, as its shell gets it."""
    for name in YAML[:2]:
        for job in loaded(FILES / name)["jobs"].values():
            yield from ((name, step["run"]) for step in job["steps"] if "run" in step)
    for name, job in loaded(FILES / "gitlab-ci.yml").items():
        lines = [*job.get("before_script", []), *job.get("script", [])]
        yield f"gitlab-ci.yml: {name}", "\n".join(lines)
    for name in BUILDKITE:
        yield from ((name, script) for script in buildkite_scripts(name).values())
    for name in JENKINS:
        yield from ((name, script) for script in jenkins_scripts(name))
    yield "action", (ROOT / "action" / "check.sh").read_text(encoding="utf-8")


@pytest.mark.parametrize(("name", "script"), list(scripts()))
def test_every_script_is_valid_shell(name: str, script: str) -> None:
    done = subprocess.run(["bash", "-n"], input=script, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert not EXPRESSION.search(script)


@pytest.mark.parametrize("name", YAML[:2])
def test_a_workflow_is_allowed_no_more_than_it_needs(name: str) -> None:
    workflow = loaded(FILES / name)
    assert "pull_request_target" not in (FILES / name).read_text(encoding="utf-8")
    assert workflow["permissions"] in ({}, {"contents": "read"})
    for job_name, job in workflow["jobs"].items():
        permissions = job.get("permissions", {})
        writes = {scope for scope, level in permissions.items() if level == "write"}
        checks_out = [s for s in job["steps"] if s.get("uses", "").startswith("actions/checkout")]
        if "pytest" in str(job["steps"]):
            assert not writes
            assert all(step["with"]["persist-credentials"] is False for step in checks_out)
        else:
            assert job_name in ("update", "comment")
        if job_name == "comment":
            assert writes == {"pull-requests"}
            assert not checks_out
        for step in job["steps"]:
            if "uses" in step:
                assert re.fullmatch(r"actions/[a-z-]+@v\d+", step["uses"])


def jobs(name: str) -> Any:
    return loaded(FILES / name)["jobs"]


def github(machine: Machine) -> Machine:
    summary, temp = machine.folder / "summary.md", machine.folder / "temp"
    temp.mkdir()
    machine.environment |= {
        "GITHUB_ACTIONS": "true",
        "GITHUB_STEP_SUMMARY": str(summary),
        "GITHUB_RUN_ID": "77",
        "GITHUB_REF_NAME": "main",
        "RUNNER_TEMP": str(temp),
    }
    return machine


@pytest.mark.slow
def test_the_check_on_github_is_red_with_a_summary_and_an_annotation(tmp_path: Path) -> None:
    machine = github(Machine(tmp_path).prepare(loss=0.4))
    contexts = {"github.base_ref": "main"}
    *_, done = run_steps(machine, jobs("github-actions.yml")["check"]["steps"], contexts)
    assert done.returncode == 1, done.stdout + done.stderr
    summary = (tmp_path / "summary.md").read_text(encoding="utf-8")
    assert summary.startswith("## 🔴 mlregress: 1 of 1 test got worse: accuracy of test_training ")
    reports = tmp_path / "temp" / "reports"
    assert (reports / "mlregress.md").read_text(encoding="utf-8") == summary
    assert sorted(path.suffix for path in reports.iterdir()) == [".html", ".json", ".md"]
    assert "\n::error file=test_training.py,line=8,title=" in done.stdout
    assert machine.git(machine.checkout, "status", "--short") == ""


@pytest.mark.slow
def test_the_update_on_github_opens_a_pull_request_with_baselines_alone(tmp_path: Path) -> None:
    machine = github(Machine(tmp_path).prepare(loss=0.0))
    recorded = run_steps(machine, jobs("github-actions.yml")["record"]["steps"], {})[-1]
    assert recorded.returncode == 0, recorded.stdout + recorded.stderr
    patch = tmp_path / "temp" / "reports" / "baselines.patch"
    add_to_patch(machine, patch)
    steps = jobs("github-actions.yml")["update"]["steps"]
    *_, done = run_steps(machine, steps, {"github.token": "secret"})
    assert done.returncode == 0, done.stdout + done.stderr
    assert pushed(machine) == ["__baselines__/test_training/test_training.default.json"]
    (call,) = machine.calls
    assert call[:5] == ["gh", "pr", "create", "--base", "main"]
    patch.write_text("")
    *_, done = run_steps(machine, steps, {"github.token": "secret"})
    assert (done.returncode, done.stdout) == (0, "no baseline has changed\n"), done.stderr


COMMENT = {
    "github.token": "secret",
    "github.repository": "me/project",
    "github.event.workflow_run.head_repository.owner.login": "you",
    "github.event.workflow_run.head_branch": "a$(touch owned)&state=closed",
}


@pytest.mark.parametrize(
    ("existing", "method", "place"),
    [("", "POST", "issues/12/comments"), ("345", "PATCH", "issues/comments/345")],
)
def test_the_comment_on_github_is_written_once_and_then_updated(
    tmp_path: Path, existing: str, method: str, place: str
) -> None:
    machine = github(Machine(tmp_path).prepare(loss=0.0))
    machine.answers = {"/pulls": "12", "--paginate": existing}
    (machine.checkout / "mlregress.md").write_text("## 🔴 mlregress: red\n", encoding="utf-8")
    (done,) = run_steps(machine, jobs("github-comment.yml")["comment"]["steps"], COMMENT)
    assert done.returncode == 0, done.stderr
    assert not (machine.checkout / "owned").exists()
    asked, _, written = machine.calls
    assert "head=you:a$(touch owned)&state=closed" in asked
    assert written[:5] == ["gh", "api", "--method", method, f"repos/me/project/{place}"]
    assert "<!-- mlregress -->\n## 🔴 mlregress: red\n" in written


def test_a_branch_without_a_pull_request_gets_no_comment(tmp_path: Path) -> None:
    machine = github(Machine(tmp_path).prepare(loss=0.0))
    (done,) = run_steps(machine, jobs("github-comment.yml")["comment"]["steps"], COMMENT)
    assert done.returncode == 0
    assert len(machine.calls) == 1


@pytest.mark.slow
def test_the_check_on_gitlab(tmp_path: Path) -> None:
    machine = Machine(tmp_path).prepare(loss=0.4)
    pipeline = loaded(FILES / "gitlab-ci.yml")
    script = "\n".join([*pipeline[".mlregress"]["before_script"],
                        *pipeline["mlregress-check"]["script"]])  # fmt: skip
    done = machine.run(script, CI_MERGE_REQUEST_TARGET_BRANCH_NAME="main")
    assert done.returncode == 1, done.stdout + done.stderr
    reports = pipeline[".mlregress"]["artifacts"]["reports"]
    assert all((machine.checkout / path).is_file() for path in reports.values())
    issues = json.loads((machine.checkout / reports["codequality"]).read_text(encoding="utf-8"))
    assert issues[0]["location"] == {"path": "test_training.py", "lines": {"begin": 8}}
    assert machine.git(machine.checkout, "status", "--short") == ""


def test_on_gitlab_only_jobs_that_run_no_code_of_the_project_have_the_token() -> None:
    pipeline = loaded(FILES / "gitlab-ci.yml")
    having = {name for name, job in pipeline.items() if "MLREGRESS_TOKEN" in str(job)}
    assert having == {"mlregress-comment", "mlregress-update"}
    for name, job in pipeline.items():
        assert (job.get("environment", {}).get("name") == "mlregress") == (name in having)
        if name in having:
            assert "extends" not in job
            assert all("$CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH" in r["if"] for r in job["rules"])
            assert not re.search(r"pytest|pip install", "\n".join(job["script"]))


PROJECT = "/api/v4/projects/5"
OURS = {"id": 3, "author": {"id": 9}, "body": "<!-- mlregress -->\nold"}
THEIRS = {"id": 2, "author": {"id": 8}, "body": "<!-- mlregress -->\nnot ours"}


@pytest.mark.parametrize(
    ("notes", "method", "place"),
    [([THEIRS], "POST", "notes"), ([THEIRS, OURS], "PUT", "notes/3")],
)
def test_the_comment_on_gitlab_is_written_once_and_then_updated(
    tmp_path: Path, notes: list[Any], method: str, place: str
) -> None:
    """Of the merge request 12; 13 has no report any more, 14 is still checked, 15 is a fork's."""
    merge_requests = [{"iid": number} for number in (13, 14, 15, 12)]
    answers: dict[str, Any] = {
        "/api/v4/user": {"id": 9},
        f"{PROJECT}/merge_requests": merge_requests,
    }
    for number in (12, 13, 14, 15):
        pipeline = {
            "id": 100 + number,
            "source": "merge_request_event",
            "project_id": 6 if number == 15 else 5,
        }
        job = {
            "id": 200 + number,
            "name": "mlregress-check",
            "status": "running" if number == 14 else "failed",
        }
        answers[f"{PROJECT}/merge_requests/{number}/pipelines"] = [pipeline]
        answers[f"{PROJECT}/pipelines/{100 + number}/jobs"] = [job]
        answers[f"{PROJECT}/merge_requests/{number}/notes"] = notes
    report = f"{PROJECT}/jobs/212/artifacts/reports/mlregress.md"
    written: list[tuple[str, str, str]] = []

    class Service(BaseHTTPRequestHandler):
        def answer(self) -> None:
            assert self.headers["PRIVATE-TOKEN"] == "secret"
            path = self.path.partition("?")[0]
            if self.command != "GET":
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                written.append((self.command, path, body))
            found = path in answers or path == report or self.command != "GET"
            self.send_response(200 if found else 404)
            self.end_headers()
            text = b"## red\n/merge\n" if path == report else json.dumps(answers.get(path)).encode()
            self.wfile.write(text)

        do_GET = do_POST = do_PUT = answer  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    machine = Machine(tmp_path).prepare(loss=0.0)
    with HTTPServer(("127.0.0.1", 0), Service) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        done = machine.run(
            "\n".join(loaded(FILES / "gitlab-ci.yml")["mlregress-comment"]["script"]),
            CI_API_V4_URL=f"http://127.0.0.1:{server.server_port}/api/v4",
            CI_PROJECT_ID="5",
            MLREGRESS_TOKEN="secret",
        )
        server.shutdown()
    assert done.returncode == 0, done.stderr
    assert done.stdout == "merge request 13: HTTP Error 404: Not Found\n"
    ((called, path, body),) = written
    assert (called, path) == (method, f"{PROJECT}/merge_requests/12/{place}")
    assert json.loads(body) == {"body": "<!-- mlregress -->\n## red\n\\/merge\n"}


@pytest.mark.slow
def test_the_update_on_gitlab_pushes_baselines_alone(tmp_path: Path) -> None:
    machine = Machine(tmp_path).prepare(loss=0.0)
    pipeline = loaded(FILES / "gitlab-ci.yml")
    record = "\n".join(
        [*pipeline[".mlregress"]["before_script"], *pipeline["mlregress-record"]["script"]]
    )
    done = machine.run(record)
    assert done.returncode == 0, done.stdout + done.stderr
    add_to_patch(machine, machine.checkout / "reports" / "baselines.patch")
    remote = tmp_path / "remote.git"
    machine.git(remote, "config", "receive.advertisePushOptions", "true")
    done = machine.run(
        "\n".join(pipeline["mlregress-update"]["script"]),
        CI_SERVER_HOST="gitlab.example",
        CI_PROJECT_PATH="me/project",
        CI_PIPELINE_ID="77",
        CI_DEFAULT_BRANCH="main",
        MLREGRESS_TOKEN="secret",
        GIT_CONFIG_COUNT="1",
        GIT_CONFIG_KEY_0=f"url.{remote}.insteadOf",
        GIT_CONFIG_VALUE_0="https://mlregress:secret@gitlab.example/me/project.git",
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert pushed(machine) == ["__baselines__/test_training/test_training.default.json"]
