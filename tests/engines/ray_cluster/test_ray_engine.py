"""Seeds in actors of a Ray cluster with two nodes, and what happens to them when it loses parts."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from ray_suite import RaySuite, processes_of, without_clocks

if TYPE_CHECKING:
    from ray.cluster_utils import Cluster

pytest.importorskip("ray", reason="needs Ray, see tests/engines/requirements.txt")
pytestmark = pytest.mark.slow


def await_(condition: Callable[[], object], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.05)


def meanwhile(condition: Callable[[], object], act: Callable[[], object]) -> threading.Thread:
    """Do something during a run, once it has come to a point."""

    def work() -> None:
        await_(condition)
        act()

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def test_verdict_report_and_artifact_are_those_of_xdist(suite: RaySuite) -> None:
    artifacts, reports = [], []
    for engine in (suite.engine, ["-n2"]):
        suite.forget_baselines()
        assert suite.run("--mlregress-update", *engine).ret == 0
        artifacts.append(suite.artifact)
        result = suite.run("--mlregress-stop=never", "--junitxml=junit.xml", *engine)
        assert result.ret == 0
        report = without_clocks(suite.report)
        for option in ("engine", "ray_address", "workers"):
            report["settings"].pop(option)
        junit = (suite.path / "junit.xml").read_text()
        cases = sorted(re.findall(r"<testcase .*? name=\"(.*?)\"", junit))
        reports.append((report, cases))
    assert artifacts[0] == artifacts[1]
    assert reports[0] == reports[1]
    assert suite.verdict == "identical"


def test_both_nodes_train_and_the_stop_is_early(recorded: RaySuite) -> None:
    recorded.write(
        """
        nodes = lambda: {line.split()[1] for line in (STARTED / "seeds").open()}
        while len(nodes()) < 2:
            time.sleep(0.05)
        time.sleep(1.0)
        """.strip()
    )
    result = recorded.run_on_ray("--mlregress-seeds=8")
    assert "2 Ray workers on 2 nodes of the cluster [8 items]" in result.outlines
    assert result.ret == 0
    assert recorded.verdict == "identical"
    assert len(recorded.seeds) < 8


def test_the_first_failure_ends_the_run(recorded: RaySuite) -> None:
    recorded.write("time.sleep(1.0); assert seed > 0")
    result = recorded.run_on_ray("-x", "--mlregress-stop=never")
    assert result.ret == 1
    assert "stopping after 1 failures" in result.stdout.str()
    assert len(recorded.seeds) < 5


def test_what_no_node_can_hold_is_skipped_and_the_rest_is_run(recorded: RaySuite) -> None:
    (recorded.path / "test_other.py").write_text(
        "import pytest\n\n\n"
        "@pytest.mark.mlregress(num_cpus=2)\n"
        "def test_large(mlregress):\n"
        "    mlregress.record('x', 1.0, higher_is_better=True)\n\n\n"
        "@pytest.mark.mlregress(num_cpus=0.5, memory='1MB')\n"
        "def test_small(mlregress):\n"
        "    mlregress.record('x', 1.0, higher_is_better=True)\n\n\n"
        "def test_plain():\n"
        "    pass\n"
    )
    result = recorded.run_on_ray("-rs", "--mlregress-missing=warn", "--mlregress-stop=never")
    assert result.ret == 0
    assert re.search(
        r"needs 2 CPUs on one node, and no node of the cluster has that; the most that one has is "
        r"1 CPUs, 0 GPUs and ",
        " ".join(result.stdout.str().split()),
    )
    assert re.search(r"= 2 passed, 5 skipped, .*10 seeds, 1 no-baseline in", result.outlines[-1])


def test_a_worker_that_is_killed_loses_nothing(recorded: RaySuite) -> None:
    """Its process, the actor above it, and what crashes by itself: each in mid-seed."""
    recorded.write(
        """
        mishaps = {
            1: lambda: os.kill(os.getpid(), signal.SIGKILL),
            2: lambda: os.kill(os.getppid(), signal.SIGKILL),
            3: lambda: os.kill(os.getpid(), signal.SIGSEGV),
        }
        if seed in mishaps and first_time(seed):
            mishaps[seed]()
            time.sleep(60)
        """.strip()
    )
    result = recorded.run_on_ray("--mlregress-stop=never")
    assert recorded.verdict == "identical"
    assert recorded.seeds == [0, 1, 1, 2, 2, 3, 3, 4]
    assert result.stdout.str().count("replacing crashed worker gw") == 3
    assert result.ret == 0


def test_a_seed_that_is_lost_again_and_again_leaves_no_verdict(recorded: RaySuite) -> None:
    recorded.write("if seed == 1: os.kill(os.getpid(), signal.SIGKILL)")
    result = recorded.run_on_ray("--mlregress-stop=never")
    assert recorded.verdict == "incomplete"
    assert recorded.seeds == [0, 1, 1, 1, 2, 3, 4]
    assert result.ret == 1
    assert (
        "lost with its worker 3 times, its process was killed by SIGKILL, as happens where memory "
        "runs out each time"
    ) in result.outlines


def test_a_node_that_is_killed_loses_nothing(recorded: RaySuite, cluster: Cluster) -> None:
    (node,) = [one for one in cluster.list_all_nodes() if one is not cluster.head_node]
    (raylet,) = node.all_processes["raylet"]
    process = raylet.process.pid
    recorded.write(
        f"""
        if os.environ["RAY_RAYLET_PID"] == "{process}" and first_time("x"):
            time.sleep(60)
        while not (STARTED / "tried-x").exists():
            time.sleep(0.05)
        """.strip()
    )
    killer = meanwhile(
        (recorded.started / "tried-x").exists,
        lambda: cluster.remove_node(node, allow_graceful=False),
    )
    try:
        result = recorded.run_on_ray("--mlregress-stop=never")
        killer.join()
    finally:
        cluster.add_node(num_cpus=1, object_store_memory=10**8)
    assert recorded.verdict == "identical"
    assert result.ret == 0
    seeds = recorded.seeds
    assert sorted(set(seeds)) == [0, 1, 2, 3, 4]
    assert len(seeds) == 6


def test_a_head_that_is_slow_delays_and_loses_nothing(recorded: RaySuite, cluster: Cluster) -> None:
    (server,) = cluster.head_node.all_processes["gcs_server"]
    head = server.process.pid
    recorded.write("time.sleep(1.0)")

    def stop() -> None:
        os.kill(head, signal.SIGSTOP)
        time.sleep(6.0)
        os.kill(head, signal.SIGCONT)

    slow = meanwhile((recorded.started / "seeds").exists, stop)
    try:
        result = recorded.run_on_ray("--mlregress-stop=never")
    finally:
        slow.join()
    assert recorded.verdict == "identical"
    assert recorded.seeds == [0, 1, 2, 3, 4]
    assert result.ret == 0


@pytest.mark.parametrize("kind", ["own", "cluster"])
def test_ctrl_c_leaves_nothing_running(
    kind: str, local: RaySuite, request: pytest.FixtureRequest
) -> None:
    if kind == "cluster":
        local.cluster = request.getfixturevalue("cluster").address
    local.write("time.sleep(60)")
    process = subprocess.Popen(
        [sys.executable, "-m", "pytest", *local.engine, "--mlregress-missing=warn"],
        cwd=local.path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "TMPDIR": str(local.started), "MARKED": str(local.started)},
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    await_(lambda: (local.started / "seeds").exists() or process.poll() is not None, 120)
    trains = processes_of(f"STARTED={local.started}")
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    output, _ = process.communicate(timeout=60)
    assert len(trains) > 1, output
    assert process.returncode == pytest.ExitCode.INTERRUPTED, output
    assert "KeyboardInterrupt" in output
    await_(lambda: not processes_of(f"STARTED={local.started}"), 10)
    assert not list(local.started.glob("mlr-ray-*"))


def test_a_driver_that_is_killed_takes_its_trainings_with_it(recorded: RaySuite) -> None:
    recorded.write("time.sleep(60)")
    (recorded.started / "seeds").unlink(missing_ok=True)
    process = subprocess.Popen(
        [sys.executable, "-m", "pytest", *recorded.engine],
        cwd=recorded.path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    await_((recorded.started / "seeds").exists)
    process.kill()
    process.wait()
    await_(lambda: not processes_of(f"STARTED={recorded.started}"), 30)


def test_a_node_of_another_machine_gets_the_code(
    recorded: RaySuite, cluster: Cluster, tmp_path: Path
) -> None:
    """A node that sees no file of the suite: its file system is mounted over."""
    if subprocess.run(["unshare", "-m", "true"], check=False).returncode:
        pytest.skip("needs the right to mount")
    (recorded.path / "helper.py").write_text("FACTOR = 1\n")
    source = (recorded.path / "test_training.py").read_text()
    (recorded.path / "test_training.py").write_text(source + "\n\nfrom helper import FACTOR\n")
    script = tmp_path / "node.sh"
    ray = Path(sys.executable).with_name("ray")
    script.write_text(
        f"mount -t tmpfs none {recorded.path}\n"
        f"exec {ray} start --address={cluster.address} --num-cpus=1 --block "
        "--object-store-memory=100000000\n"
    )
    node = subprocess.Popen(
        ["unshare", "-m", "sh", str(script)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        import ray as library

        library.init(address=cluster.address, log_to_driver=False)
        await_(lambda: sum(node["Alive"] for node in library.nodes()) == 3)
        library.shutdown()
        result = recorded.run_on_ray("--mlregress-stop=never")
        verdict = recorded.verdict
        recorded.forget_baselines()
        assert recorded.run("--mlregress-update", "-n2").ret == 0
        artifact = recorded.artifact
        recorded.forget_baselines()
        assert recorded.run_on_ray("--mlregress-update").ret == 0
    finally:
        os.killpg(node.pid, signal.SIGTERM)
        node.wait(20)
    assert result.ret == 0, result.stdout.str()
    assert verdict == "identical"
    assert "3 Ray workers on 3 nodes of the cluster [5 items]" in result.outlines
    assert recorded.artifact == artifact


def free_port() -> int:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return int(server.getsockname()[1])


def test_an_address_without_a_cluster_starts_nothing(local: RaySuite) -> None:
    local.cluster = f"127.0.0.1:{free_port()}"
    result = local.run_on_ray()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert result.errlines == [
        f"ERROR: --mlregress-ray-address={local.cluster}: nothing answers there (Connection "
        "refused); `ray status` on the head of the cluster shows whether it runs, and its log the "
        "address (port 6379 by default)",
        "",
    ]
    local.cluster = "cluster"
    result = local.run_on_ray()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert result.errlines[0] == (
        "ERROR: --mlregress-ray-address=cluster is neither HOST:PORT, ray://HOST:PORT nor auto"
    )
    assert not (local.started / "seeds").exists()


def test_a_seed_that_exhausts_memory_leaves_no_verdict(
    local: RaySuite, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ray's own cluster of this machine ends what takes 3 GB more than is used now."""
    memory = {
        name: int(value.split()[0]) * 1024
        for name, _, value in (
            line.partition(":") for line in Path("/proc/meminfo").read_text().splitlines()
        )
    }
    used = 1.0 - memory["MemAvailable"] / memory["MemTotal"]
    threshold = used + 3e9 / memory["MemTotal"]
    monkeypatch.setenv("RAY_memory_usage_threshold", f"{threshold:.4f}")
    monkeypatch.setenv("RAY_memory_monitor_refresh_ms", "100")
    local.write("if seed == 1: block = b'x' * 6_000_000_000; time.sleep(30)")
    result = local.run_on_ray(
        "--mlregress-missing=warn", "--mlregress-stop=never", "--mlregress-workers=1"
    )
    assert local.verdict == "incomplete"
    assert set(local.seeds) == {0, 1, 2, 3, 4}
    assert local.seeds.count(1) == 3
    assert "ran out of memory, and Ray ended it" in " ".join(result.stdout.str().split())
