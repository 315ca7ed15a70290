"""What a seed needs of a machine, as the marker says it."""

from __future__ import annotations

import json
import sys

import pytest
from training_suite import Suite

from pytest_mlregress.resources import capacity, devices
from pytest_mlregress.settings import Settings, override

MIB = 2**20


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a conftest of a suite here pretends of the machine ends with its test."""
    monkeypatch.setattr(capacity, "_memory", capacity._memory)
    monkeypatch.setattr(devices, "present_devices", devices.present_devices)


@pytest.mark.parametrize(
    ("written", "in_bytes"),
    [(1000, 1000.0), ("4GB", 4e9), ("1.5 GiB", 1.5 * 2**30), ("512", 512.0), ("2kb", 2000.0)],
)
def test_memory_is_kept_in_bytes(written: float | str, in_bytes: float) -> None:
    assert override(Settings(), {"memory": written}).memory == in_bytes


def test_each_seed_reports_its_own_peak(suite: Suite, workers: str) -> None:
    suite.write(
        """
        import pytest
        @pytest.mark.seeds([1, 0])
        def test_it(mlregress):
            block = bytearray(b"x") * (mlregress.seed * 96 * 2**20 + 1)
            mlregress.record("size", len(block), higher_is_better=True)
        """
    )
    (test,) = suite.check(workers, "--mlregress-stop=never", apart=True).values()
    peaks = {seed["seed"]: seed["peak_memory"] for seed in test["seeds"]}
    assert peaks[1] > 96 * MIB
    if sys.platform == "linux":
        assert peaks[1] - peaks[0] > 64 * MIB
    assert {seed["peak_gpu_memory"] for seed in test["seeds"]} == {None}


NEEDY = """
    import pytest

    @pytest.fixture
    def data():
        raise AssertionError("no fixture is set up")

    @pytest.mark.seeds(3)
    @pytest.mark.mlregress({need})
    def test_needy(data, mlregress):
        raise AssertionError("nothing trains")
"""


def test_too_small_a_machine_skips_the_whole_test(suite: Suite, workers: str) -> None:
    suite.write(NEEDY.format(need="num_gpus=2"), "test_needy.py")
    result = suite.run(workers, "-rs", CUDA_VISIBLE_DEVICES="")
    assert suite.verdicts == {"test_needy.py::test_needy": "skipped"}
    reason = "needs 2 GPUs, this machine has 0 (CUDA_VISIBLE_DEVICES=)"
    result.stdout.fnmatch_lines([f"SKIPPED [[]3] test_needy.py:*: {reason}", "=* 3 skipped in *"])
    assert result.ret == 0
    (test,) = suite.tests.values()
    assert {seed["message"] for seed in test["seeds"]} == {reason}


def test_memory_and_processors_are_checked_too(suite: Suite) -> None:
    suite.write(NEEDY.format(need="num_cpus=10**6, memory='9000TB'"), "test_needy.py")
    result = suite.run("-rs")
    result.stdout.re_match_lines(
        [
            r"SKIPPED \[3\] test_needy.py:\d+: needs 1e\+06 CPUs, this machine has [\d.]+; "
            r"needs 9e\+03 TB of memory, this machine('s cgroup allows|) (has )?[\d.]+ GB"
        ]
    )


def test_both_sides_of_a_comparison_are_skipped(suite: Suite, workers: str) -> None:
    suite.write(NEEDY.format(need="num_gpus=1"), "test_needy.py")
    suite.write("x = 1\n", "other.py")
    result = suite.run(workers, "--mlregress-against=tip:HEAD~1", CUDA_VISIBLE_DEVICES="")
    assert suite.verdicts == {"test_needy.py::test_needy": "skipped"}
    assert " 6 skipped" in result.stdout.lines[-1]
    assert result.ret == 0


TWO_GPUS = """
    import pytest
    from pytest_mlregress.resources import devices
    devices.present_devices = lambda: 4
"""


def test_workers_get_as_many_of_the_callers_gpus_as_declared(suite: Suite) -> None:
    suite.write(TWO_GPUS, "conftest.py")
    suite.write(
        """
        import os
        import pytest
        @pytest.mark.seeds(2)
        @pytest.mark.mlregress(num_gpus=2)
        def test_two(seed, worker_id):
            expected = {"gw0": "3,1", "gw1": "0,2", "gw2": "3,1", "master": "3,1"}[worker_id]
            assert os.environ["CUDA_VISIBLE_DEVICES"] == expected
        """
    )
    assert suite.run("-n3", CUDA_VISIBLE_DEVICES="3,1,0,2").ret == 0
    assert suite.run("-n0", CUDA_VISIBLE_DEVICES="3,1,0,2").ret == 0


@pytest.mark.parametrize(
    ("arguments", "threads"),
    [((), 2), (("--mlregress-threads=3",), 3), (("-o", "mlregress_threads=3"), 2)],
)
def test_a_seed_has_as_many_threads_as_it_declares_cpus(
    suite: Suite, arguments: tuple[str, ...], threads: int
) -> None:
    suite.write(
        f"""
        import os
        import pytest
        import torch
        @pytest.mark.seeds(2)
        @pytest.mark.mlregress(num_cpus=2)
        def test_two(mlregress):
            assert torch.get_num_threads() == {threads}
            assert os.environ["OMP_NUM_THREADS"] == "{threads}"
            mlregress.record("accuracy", mlregress.seed, higher_is_better=True)
        """
    )
    result = suite.run("--mlregress-update", "--mlregress-baseline-seeds=2", *arguments)
    assert result.ret == 0, result.stdout.str()
    (baseline,) = suite.path.glob("__baselines__/*/*.json")
    assert (
        json.loads(baseline.read_text("utf-8"))["provenance"]["environment"]["threads"] == threads
    )


def test_the_key_of_a_seed_follows_its_threads() -> None:
    declared = override(Settings(), {"num_cpus": 2.5})
    assert declared.threads == 2
    assert override(Settings(threads=3, threads_chosen=True), {"num_cpus": 2}).threads == 3
    assert override(Settings(), {"num_cpus": 0}).threads == 1


def test_a_fresh_run_leaves_the_threads_of_a_test_to_it() -> None:
    assert Settings(threads=3).threads_argument == "--override-ini=mlregress_threads=3"
    chosen = Settings(threads=3, threads_chosen=True)
    assert chosen.threads_argument == "--mlregress-threads=3"


def test_seeds_that_together_exceed_the_machine_do_not_run_at_once(suite: Suite) -> None:
    suite.write(
        """
        from pytest_mlregress.resources import capacity
        capacity._memory = lambda: (10**9, None)
        """,
        "conftest.py",
    )
    suite.write(
        """
        import os, pathlib, time
        import pytest
        @pytest.mark.seeds(4)
        @pytest.mark.mlregress(memory="0.6GB")
        def test_large(seed, request):
            alone = request.config.rootpath / "running"
            alone.mkdir()  # fails where another one runs
            time.sleep(0.1)
            alone.rmdir()
        """
    )
    assert suite.run("-n2").ret == 0
