"""Several seeds on one GPU, on a machine that pretends to have one."""

from __future__ import annotations

import sys

import pytest
from training_suite import Suite

pytestmark = pytest.mark.usefixtures("lean_pytest")

WITHOUT_BASELINE = "--mlregress-missing=warn"
UPDATE = ("--mlregress-update", "--mlregress-allow-dirty")
WORKERS = pytest.mark.parametrize(
    "workers",
    [
        "-n2",
        pytest.param(
            "--mlregress-workers=2",
            marks=pytest.mark.skipif(sys.platform == "win32", reason="no fork there"),
        ),
    ],
)

MACHINE = """
    from types import SimpleNamespace

    from pytest_mlregress.resources import devices, nvml, peak_memory, shared_devices
    from pytest_mlregress.running import machine_share

    held = [0]
    errors = [0]
    cuda = SimpleNamespace(
        device_count=lambda: 1,
        reset_peak_memory_stats=lambda device: held.__setitem__(0, 0),
        max_memory_allocated=lambda device: held[0] // 2,
        max_memory_reserved=lambda device: held[0],
        empty_cache=lambda: None,
        memory_stats=lambda device: {{"num_ooms": errors[0]}},
    )
    devices.present_devices = lambda: {present}
    shared_devices.device_memories = lambda names, environ: dict.fromkeys(
        names, nvml.DeviceMemory(10 * 10**9, 0)
    )
    peak_memory._used_cuda = lambda: cuda
    machine_share.may_use_gpu = lambda: True
"""

TRAINING = """
    import os
    import time

    import pytest
    from conftest import held


    def wait_for(condition):
        end = time.monotonic() + 20
        while not condition():
            assert time.monotonic() < end
            time.sleep(0.01)


    @pytest.fixture
    def running(request, seed):
        folder = request.config.rootpath / "running"
        folder.mkdir(exist_ok=True)
        (folder / str(seed)).touch()
        yield lambda: len(list(folder.iterdir()))
        (folder / str(seed)).unlink()


    @pytest.mark.seeds(6)
    {marker}
    def test_it(mlregress, running, request):
        {devices}
        held[0] = {memory}
        first, met = (request.config.rootpath / name for name in ("first", "met"))
        if not first.exists():
            time.sleep(0.3)
            assert running() == 1
            first.touch()
        elif {fits}:
            wait_for(lambda: running() == 2 or met.exists())
            met.touch()
        else:
            time.sleep(0.1)
            assert running() == 1
        mlregress.record("accuracy", 1.0 + mlregress.seed, higher_is_better=True)
"""


def suite_with(
    suite: Suite,
    *,
    memory: int,
    fits: bool,
    present: int = 1,
    marker: str = "",
    devices: str = 'assert os.environ["CUDA_VISIBLE_DEVICES"] == "0"',
) -> Suite:
    suite.write(MACHINE.format(present=present), "conftest.py")
    suite.write(TRAINING.format(memory=memory, fits=fits, marker=marker, devices=devices))
    return suite


@WORKERS
@pytest.mark.parametrize(("memory", "fits"), [(3 * 10**9, True), (5 * 10**9, False)])
def test_the_first_seed_is_alone_and_then_as_many_train_as_fit(
    suite: Suite, workers: str, memory: int, fits: bool
) -> None:
    suite_with(suite, memory=memory, fits=fits)
    result = suite.run(workers, WITHOUT_BASELINE, apart=True, CUDA_VISIBLE_DEVICES="0")
    assert result.ret == 0, result.stdout.str()
    (test,) = suite.tests.values()
    assert len(test["seeds"]) == 6
    for seed in test["seeds"]:
        assert seed["peak_gpu_memory"] == memory // 2
        assert seed["peak_memory"] > 10**6
        assert seed["duration"] > 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("present", "given", "fits"),
    [
        (1, None, False),  # the only GPU is the caller's
        (2, "0,1", True),  # each worker has its own
        (2, None, True),  # the test chooses: nothing is known of where
    ],
)
def test_gpus_are_shared_out_where_workers_share_one(
    suite: Suite, present: int, given: str | None, fits: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    suite_with(suite, memory=5 * 10**9, fits=fits, present=present, devices="")
    if fits:  # nothing makes the first seed wait, either
        (suite.path / "first").touch()
    environment = {} if given is None else {"CUDA_VISIBLE_DEVICES": given}
    result = suite.run("-n2", WITHOUT_BASELINE, apart=True, **environment)
    assert result.ret == 0, result.stdout.str()


def test_what_is_declared_is_at_hand_from_the_first_seed_on(suite: Suite) -> None:
    suite_with(suite, memory=3 * 10**9, fits=True, marker="@pytest.mark.mlregress(num_gpus=0.5)")
    (suite.path / "first").touch()
    result = suite.run("-n2", WITHOUT_BASELINE, apart=True, CUDA_VISIBLE_DEVICES="0")
    assert result.ret == 0, result.stdout.str()


MEETING = """
    import os
    import time

    import pytest
    from conftest import held


    @pytest.mark.seeds(4)
    def test_it(mlregress, request):
        held[0] = {memory}
        if "MEET" in os.environ:
            (request.config.rootpath / f"began-{{mlregress.seed}}").touch()
            end = time.monotonic() + 20
            while len(list(request.config.rootpath.glob("began-*"))) < 2:
                assert time.monotonic() < end
                time.sleep(0.01)
        mlregress.record("accuracy", 1.0 + mlregress.seed, higher_is_better=True)
"""


@pytest.mark.parametrize("memory", [0, pytest.param(10**9, marks=pytest.mark.slow)])
def test_a_baseline_says_what_a_first_seed_takes(suite: Suite, memory: int) -> None:
    suite.write(MACHINE.format(present=1), "conftest.py")
    suite.write(MEETING.format(memory=memory))
    assert suite.run(*UPDATE, apart=True).ret == 0
    result = suite.run("-n2", apart=True, CUDA_VISIBLE_DEVICES="0", MEET="1")
    assert result.ret == 0, result.stdout.str()


OUT_OF_MEMORY = """
    import time

    import pytest
    from conftest import errors, held


    @pytest.mark.seeds(6)
    def test_it(mlregress, request):
        running = request.config.rootpath / "running"
        running.mkdir(exist_ok=True)
        mine = running / str(mlregress.seed)
        mine.touch()
        held[0] = 10**9
        end = time.monotonic() + 0.3
        beside = False
        while time.monotonic() < end:
            beside = beside or len(list(running.iterdir())) > 1
            time.sleep(0.01)
        mine.unlink()
        if beside:
            errors[0] += 1
            if mlregress.seed % 2:
                raise RuntimeError("CUDA out of memory")
        mlregress.record("accuracy", 1.0 - beside, higher_is_better=True)
        print("trained")
"""


@WORKERS
def test_a_seed_that_finds_too_little_memory_beside_others_trains_again(
    suite: Suite, workers: str
) -> None:
    suite.write(MACHINE.format(present=1), "conftest.py")
    suite.write(OUT_OF_MEMORY)
    result = suite.run(workers, WITHOUT_BASELINE, apart=True, CUDA_VISIBLE_DEVICES="0")
    assert result.ret == 0, result.stdout.str()
    (test,) = suite.tests.values()
    assert {seed["metrics"][0]["value"] for seed in test["seeds"]} == {1.0}
    assert {seed["outcome"] for seed in test["seeds"]} == {"finished"}


def test_more_threads_than_processors_do_not_run_at_once(suite: Suite) -> None:
    suite.write(
        "from pytest_mlregress.resources import capacity\ncapacity._cpus = lambda: 3\n",
        "conftest.py",
    )
    source = """
        import time
        import pytest
        @pytest.mark.seeds(2)
        @pytest.mark.mlregress({need})
        def test_{name}(seed, request):
            folder = request.config.rootpath / "running"
            folder.mkdir(exist_ok=True)
            mine = folder / f"{name}-{{seed}}"
            mine.write_text("{threads}")
            running = [int(one.read_text() or 0) for one in folder.iterdir()]
            assert sum(running) <= 3, running
            time.sleep(0.2)
            mine.unlink()
    """
    suite.write(source.format(name="two", need="num_cpus=2", threads=2), "test_two.py")
    suite.write(source.format(name="one", need="", threads=1), "test_one.py")
    assert suite.run("-n3", apart=True).ret == 0


@pytest.mark.skipif(sys.platform == "win32", reason="no fork there")
def test_automatic_workers_follow_the_gpus_that_are_declared(suite: Suite) -> None:
    machine = MACHINE.format(present=2) + "    from pytest_mlregress.resources import capacity\n"
    suite.write(machine + "    capacity._cpus = lambda: 8\n", "conftest.py")
    suite.write(
        """
        import os
        import pytest

        @pytest.mark.seeds(6)
        @pytest.mark.mlregress(num_gpus=0.5)
        def test_half(seed):
            assert os.environ["CUDA_VISIBLE_DEVICES"] == "1"
        """
    )
    result = suite.run("--mlregress-workers=auto", apart=True, CUDA_VISIBLE_DEVICES="1")
    assert result.ret == 0, result.stdout.str()
    result.stdout.fnmatch_lines(["2 forked workers [[]6 items, 1 GPU, 0.5 a seed[]]"])


@pytest.mark.slow
@pytest.mark.parametrize("workers", ["-n2", "--mlregress-workers=2"])
def test_both_sides_of_a_comparison_share_the_machine(suite: Suite, workers: str) -> None:
    """No process waits for what the other side of its own pair holds."""
    machine = MACHINE + "    from pytest_mlregress.resources import capacity\n"
    suite.write(machine.format(present=1) + "    capacity._cpus = lambda: 2\n", "conftest.py")
    training = MEETING.format(memory=10**9)
    threads = training.replace("test_it", "test_threads").replace(
        "@pytest.mark.seeds", "@pytest.mark.mlregress(num_cpus=2)\n    @pytest.mark.seeds"
    )
    suite.write(training, "test_memory.py")
    suite.write(threads, "test_threads.py")
    suite.write("x = 1\n", "other.py")
    against = "--mlregress-against=tip:HEAD~1"
    result = suite.run(workers, against, "--mlregress-stop=never", apart=True)
    assert result.ret == 0, result.stdout.str()
    assert {len(test["seeds"]) for test in suite.tests.values()} == {4}
