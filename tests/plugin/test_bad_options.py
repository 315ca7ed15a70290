"""Options, ini values and targets that cannot be used."""

from __future__ import annotations

import pytest
from training_suite import TRAINING, Suite

ALPHA = (
    "is not a probability between 0 and 0.5 (both excluded); it is the chance that an unchanged "
    "suite "
    "shows any false red, 0.05 by default"
)
THREADS = "is neither 'keep' nor a number of CPU threads >= 1"

OPTIONS = {
    "--mlregress-sed=3": "--mlregress-sed: no such option; did you mean --mlregress-seeds?",
    "--mlregress-upd": "--mlregress-upd: no such option; did you mean --mlregress-update?",
    "--mlregress-wandb=x": "--mlregress-wandb: no such option; see pytest --help",
    "--mlregress-missing=perhaps": "--mlregress-missing: 'perhaps' is not one of fail, warn",
    "--mlregress-stop=soon": "--mlregress-stop: 'soon' is not one of early, never",
    "--mlregress-env-mismatch=no": "--mlregress-env-mismatch: 'no' is not one of fail, warn, "
    "ignore",
    "--mlregress-guards=on": "--mlregress-guards: 'on' is not one of fail, warn, off",
    "--mlregress-seeds=0": "--mlregress-seeds: 0 is not between 1 and 10000",
    "--mlregress-seeds=many": "--mlregress-seeds: 'many' is not a whole number",
    "--mlregress-baseline-seeds=1": "--mlregress-baseline-seeds: 1 is not between 2 and 10000",
    "--mlregress-alpha=0": f"--mlregress-alpha: '0' {ALPHA}",
    "--mlregress-alpha=nan": f"--mlregress-alpha: 'nan' {ALPHA}",
    "--mlregress-threads=0": f"--mlregress-threads: '0' {THREADS}",
    "--mlregress-threads=all": f"--mlregress-threads: 'all' {THREADS}",
    "--mlregress-report=report.txt": "--mlregress-report: 'report.txt' does not end with .html, "
    ".json, .md, .codequality.json, .metrics.txt; the suffix says which kind of report to write",
    "--mlregress-report=reports/.json": "--mlregress-report: 'reports/.json' does not end with "
    ".html, .json, .md, .codequality.json, .metrics.txt; the suffix says which kind of report to "
    "write",
    "--mlregress-baseline=git:": "--mlregress-baseline: 'git:' names no branch, tag or commit; "
    "give one, such as git:main",
    "--mlregress-baseline=": "--mlregress-baseline: the value is empty",
    "--mlregress-update --mlregress-baseline=memory://a:b@x": "--mlregress-baseline=memory://x: "
    "what is in memory ends with the run; record baselines in a folder, or at the URL of a store "
    "that keeps them, such as s3://bucket/folder",
    "--mlregress-baseline=s3:/a": "--mlregress-baseline: 's3:/a' is neither a folder nor a URL, "
    "which has two slashes; write s3://a",
    "--mlregress-history=file:/a": "--mlregress-history: 'file:/a' is neither a folder nor a URL, "
    "which has two slashes; write file:///a",
    "--mlregress-cache=s3:/u:pw@a": "--mlregress-cache: the value is neither a folder nor a URL, "
    "which has two slashes; write s3://a",
    "--mlregress-baseline=file://tmp/x": "--mlregress-baseline: 'file://tmp/x' names another "
    "machine; write file:///tmp/x",
    "--mlregress-engine=dask": "--mlregress-engine: 'dask' is not one of local, ray, slurm",
    "--mlregress-ray-address=auto": "--mlregress-ray-address=auto is for the Ray engine, and the "
    "seeds run on the local one; add --mlregress-engine=ray",
    "--mlregress-engine=ray -n2": "--mlregress-engine=ray and -n both start workers: leave out -n; "
    "--mlregress-workers=N is the most workers of the engine",
    "--mlregress-slurm-cluster=local": "--mlregress-slurm-cluster is for the Slurm engine, and the "
    "seeds run on the local one; add --mlregress-engine=slurm",
    "--mlregress-engine=slurm -n2": "--mlregress-engine=slurm and -n both start workers: leave out "
    "-n; --mlregress-workers=N is the most workers of the engine",
    "--mlregress-engine=slurm --mlregress-slurm-parameters=array=0-3": "--mlregress-slurm-"
    "parameters: 'array=0-3': the engine itself sets array; leave it out",
    "--mlregress-tier=": "--mlregress-tier: the value is empty",
    "--mlregress-rebase-anchor=why": "--mlregress-rebase-anchor needs --mlregress-update",
    "--mlregress-update --mlregress-plan": "--mlregress-plan runs nothing and so cannot record "
    "baselines; remove it or --mlregress-update",
    "--mlregress-update-new-only --mlregress-plan": "--mlregress-plan runs nothing and so cannot "
    "record baselines; remove it or --mlregress-update-new-only",
    "--mlregress-update --mlregress-baseline=git:main": "--mlregress-baseline=git:main is read "
    "only; "
    "record baselines in a folder or at an fsspec URL",
    "--mlregress-update --mlregress-update-new-only": "--mlregress-update and "
    "--mlregress-update-new-only exclude each other: the first records every selected baseline, "
    "the "
    "second only the missing ones",
}


@pytest.mark.parametrize(("options", "message"), OPTIONS.items(), ids=list(OPTIONS))
def test_an_option_that_cannot_be_used_is_a_usage_error(
    suite: Suite, options: str, message: str
) -> None:
    suite.write(TRAINING)
    result = suite.run(*options.split())
    assert f"ERROR: {message}" in result.errlines
    assert result.ret == pytest.ExitCode.USAGE_ERROR


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            "mlregress_missing = perhaps",
            "ini mlregress_missing: 'perhaps' is not one of fail, warn",
        ),
        ("mlregress_seeds = x", "ini mlregress_seeds: 'x' is not a whole number"),
        ("mlregress_alpha = 2", "ini mlregress_alpha: '2' is not a probability between 0 and 0.5*"),
        (
            "mlregress_strict = perhaps",
            "ini mlregress_strict: invalid truth value 'perhaps'; write true or false",
        ),
        (
            "mlregress_seds = 3",
            "ini mlregress_seds: no such setting; did you mean mlregress_seeds?",
        ),
        (
            "mlregress_optimizer_name = 3",
            "ini mlregress_optimizer_name: no such setting; see pytest --help",
        ),
    ],
)
def test_an_ini_value_that_cannot_be_used_is_a_usage_error(
    suite: Suite, line: str, message: str
) -> None:
    suite.configure(ini=line)
    result = suite.run()
    result.stderr.fnmatch_lines([f"ERROR: {message}"])
    assert result.ret == pytest.ExitCode.USAGE_ERROR


def test_a_misspelt_key_given_on_the_command_line_is_a_usage_error_too(suite: Suite) -> None:
    result = suite.run("-o", "mlregress_alpa=0.01")
    assert "ERROR: ini mlregress_alpa: no such setting; did you mean mlregress_alpha?" in (
        result.errlines
    )
    assert result.ret == pytest.ExitCode.USAGE_ERROR


def test_the_command_line_outranks_the_ini_file(suite: Suite) -> None:
    suite.configure(ini="mlregress_alpha = 0.1\nmlregress_threads = 2\nmlregress_strict = true")
    suite.run("--mlregress-alpha=0.2").stdout.fnmatch_lines(
        ["mlregress: check, alpha 0.2, stop early, threads 2, guards warn, baselines "
    "__baselines__, "
         "strict"]
    )  # fmt: skip


def test_dist_each_is_a_usage_error(recorded: Suite) -> None:
    result = recorded.run("-n2", "--dist=each")
    assert (
        "ERROR: --dist=each runs every seed once per worker, and a repeated seed is not another "
        "sample; use --dist=load"
    ) in result.errlines
    assert result.ret == pytest.ExitCode.USAGE_ERROR
