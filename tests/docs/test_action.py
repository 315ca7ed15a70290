"""The composite action: its steps, run as a runner would."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from ci_service import ROOT, Machine, loaded, substituted

ACTION = loaded(ROOT / "action" / "action.yml")


def run(machine: Machine, **inputs: str) -> tuple[int, str, dict[str, str]]:
    """The status, the log and the outputs of the step with a script."""
    defaults = {name: told.get("default", "") for name, told in ACTION["inputs"].items()}
    contexts = {f"inputs.{name}": value for name, value in (defaults | inputs).items()}
    step = next(step for step in ACTION["runs"]["steps"] if step.get("id") == "check")
    variables = {name: substituted(value, contexts) for name, value in step["env"].items()}
    outputs = machine.folder / "outputs"
    outputs.write_text("")
    (machine.folder / "temp").mkdir(exist_ok=True)
    done = machine.run(
        step["run"],
        GITHUB_ACTION_PATH=str(ROOT / "action"),
        GITHUB_OUTPUT=str(outputs),
        RUNNER_TEMP=str(machine.folder / "temp"),
        **variables,
    )
    lines = outputs.read_text(encoding="utf-8").splitlines()
    return done.returncode, done.stdout + done.stderr, dict(line.split("=", 1) for line in lines)


def test_every_input_is_used_and_described_in_the_readme() -> None:
    text = (ROOT / "action" / "action.yml").read_text(encoding="utf-8")
    readme = (ROOT / "action" / "README.md").read_text(encoding="utf-8")
    documented = re.findall(r"^\| `([a-z-]+)` \|", readme, re.MULTILINE)
    assert documented == list(ACTION["inputs"])
    assert all(f"inputs.{name}" in text for name in documented)


def test_inputs_reach_the_shell_as_variables_alone() -> None:
    for step in ACTION["runs"]["steps"]:
        assert "${{" not in step.get("run", "")
        assert re.fullmatch(r"actions/[a-z-]+@v\d+", step.get("uses", "actions/cache@v4"))


@pytest.mark.slow
def test_a_check_against_the_base(tmp_path: Path) -> None:
    machine = Machine(tmp_path).prepare(loss=0.4)
    status, log, outputs = run(machine, against="origin/main", arguments="-q\n\n--no-header")
    assert status == 1, log
    assert outputs["verdict"].startswith("🔴 mlregress: 1 of 1 test got worse: accuracy of ")
    assert Path(outputs["report"]).is_file()
    assert Path(outputs["report"]).parent == Path(outputs["reports"])


def test_an_input_is_never_run(tmp_path: Path) -> None:
    machine = Machine(tmp_path).prepare(loss=0.0)
    status, log, outputs = run(
        machine, against="$(touch owned);`touch owned`", tier='"; touch owned; "'
    )
    assert status != 0
    assert not (machine.checkout / "owned").exists()
    assert "report" not in outputs, log


def test_a_history_that_is_cut_off_is_said(tmp_path: Path) -> None:
    machine = Machine(tmp_path).prepare(loss=0.0)
    shallow = tmp_path / "shallow"
    machine.git(tmp_path, "clone", "--quiet", "--depth=1", f"file://{tmp_path}/remote.git",
                str(shallow))  # fmt: skip
    machine.checkout.rename(tmp_path / "whole")
    shallow.rename(machine.checkout)
    status, log, _ = run(machine, against="origin/main")
    assert status == 4
    assert log.startswith("::error title=mlregress::the history is cut off")
    assert "fetch-depth: 0" in log
