"""CPU threads and GPUs of a seed."""

from __future__ import annotations

import os

import pytest
from training_suite import Suite


@pytest.mark.parametrize("threads", ["1", "2"])
def test_a_seed_has_its_threads(suite: Suite, workers: str, threads: str) -> None:
    suite.write(
        f"""
        import os
        import pytest
        import torch
        @pytest.mark.seeds(2)
        def test_it(seed):
            assert torch.get_num_threads() == {threads}
            assert os.environ["OMP_NUM_THREADS"] == "{threads}"
        """
    )
    result = suite.run(workers, f"--mlregress-threads={threads}", apart=True)
    assert result.ret == 0, result.stdout.str()


def test_workers_start_with_the_variables_set(suite: Suite) -> None:
    suite.write("import os\nAT_START = os.environ.get('OMP_NUM_THREADS')\n", "conftest.py")
    suite.write("import conftest\ndef test_plain(): assert conftest.AT_START == '3'\n")
    assert suite.run("-n2", "--mlregress-threads=3").ret == 0


def test_without_workers_other_tests_keep_their_threads(suite: Suite) -> None:
    suite.write(
        """
        import os
        import pytest
        @pytest.mark.seeds(1)
        def test_it(seed): assert os.environ["OMP_NUM_THREADS"] == "1"
        def test_plain(): assert os.environ["OMP_NUM_THREADS"] == "2"
        """
    )
    assert suite.run(OMP_NUM_THREADS="2").ret == 0


def test_keep_touches_nothing(suite: Suite, workers: str) -> None:
    suite.write(
        """
        import os
        import pytest
        @pytest.mark.seeds(2)
        def test_it(seed): assert os.environ.get("OMP_NUM_THREADS") == "7"
        """
    )
    assert suite.run(workers, "--mlregress-threads=keep", OMP_NUM_THREADS="7").ret == 0


def test_variables_are_put_back_when_the_run_ends(
    suite: Suite, workers: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.delenv("PYTEST_CURRENT_TEST", raising=False)
    before = dict(os.environ)
    suite.write("import pytest\n@pytest.mark.seeds(2)\ndef test_it(seed): pass\n")
    assert suite.run(workers).ret == 0
    assert dict(os.environ) == before


def test_each_worker_gets_its_gpu(suite: Suite) -> None:
    suite.write(
        """
        import os
        import pytest
        @pytest.mark.seeds(2)
        def test_it(seed, worker_id):
            expected = {"gw0": "4", "gw1": "GPU-b", "gw2": "4"}[worker_id]
            assert os.environ["CUDA_VISIBLE_DEVICES"] == expected
        """
    )
    assert suite.run("-n3", CUDA_VISIBLE_DEVICES="4, GPU-b").ret == 0


@pytest.mark.parametrize("devices", ["", "-1"])
def test_no_gpu_stays_no_gpu(suite: Suite, devices: str) -> None:
    suite.write(
        f"""
        import os
        import pytest
        @pytest.mark.seeds(2)
        def test_it(seed): assert os.environ["CUDA_VISIBLE_DEVICES"] == {devices!r}
        """
    )
    assert suite.run("-n2", CUDA_VISIBLE_DEVICES=devices).ret == 0


def test_without_workers_every_gpu_is_visible(suite: Suite) -> None:
    suite.write(
        """
        import os
        def test_it(seed): assert os.environ["CUDA_VISIBLE_DEVICES"] == "0,1"
        """
    )
    assert suite.run("-n0", CUDA_VISIBLE_DEVICES="0,1").ret == 0
