"""A real Ray cluster of two nodes on this machine, for all tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from ray.cluster_utils import Cluster

from ray_suite import RaySuite


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """Two nodes with one CPU each."""
    pytest.importorskip("ray", reason="needs Ray, see tests/engines/requirements.txt")
    from ray.cluster_utils import Cluster

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        started = Cluster(
            initialize_head=True, head_node_args={"num_cpus": 1, "object_store_memory": 10**8}
        )
        started.add_node(num_cpus=1, object_store_memory=10**8)
    yield started
    started.shutdown()


@pytest.fixture
def local(
    pytester: pytest.Pytester,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> RaySuite:
    """A suite whose runs start a cluster of their own."""
    pytest.importorskip("ray", reason="needs Ray, see tests/engines/requirements.txt")
    return RaySuite(pytester, tmp_path_factory.mktemp("started"), monkeypatch)


@pytest.fixture
def suite(local: RaySuite, cluster: Cluster) -> RaySuite:
    """A suite whose runs use the cluster."""
    local.cluster = cluster.address
    return local


@pytest.fixture
def recorded(suite: RaySuite) -> RaySuite:
    """With baselines."""
    assert suite.run("--mlregress-update").ret == 0
    for file in suite.started.iterdir():
        file.unlink()
    return suite


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here):
            item.add_marker(pytest.mark.slow)
