import pytest

from pytest_mlregress.session import slurm_engine
from pytest_mlregress.settings import Settings


def test_a_missing_library_is_named_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slurm_engine, "find_spec", lambda name: None)
    with pytest.raises(pytest.UsageError) as refused:
        slurm_engine.refuse_missing(Settings(engine="slurm"))
    assert str(refused.value) == (
        "--mlregress-engine=slurm needs submitit, which is not installed; "
        "pip install 'pytest-mlregress[slurm]'"
    )


def test_a_machine_without_slurm_is_told_where_to_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slurm_engine, "find_spec", lambda name: name)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(pytest.UsageError) as refused:
        slurm_engine.refuse_missing(Settings(engine="slurm"))
    assert str(refused.value) == (
        "--mlregress-engine=slurm: sbatch is not on the PATH of this machine; start pytest on a "
        "login node of the cluster, or try it out in processes of this machine: "
        "--mlregress-slurm-cluster=local"
    )
    slurm_engine.refuse_missing(Settings(engine="slurm", slurm_cluster="local"))
