import pytest

from pytest_mlregress.engines.slurm_parameters import ParameterError, read_parameters
from pytest_mlregress.resources.need import Need


def test_parameters_are_those_of_sbatch() -> None:
    given = ["--partition=gpu", "p=long", "cpus_per_task=2", "exclusive", "setup=a b", "setup=c"]
    parameters = read_parameters([*given, "time=1-12:30", "signal_delay_s=60"])
    assert parameters.sbatch == {"partition": "long", "cpus-per-task": "2", "exclusive": ""}
    assert parameters.setup == ("a b", "c")
    assert (parameters.minutes, parameters.signal_s) == (36.5 * 60, 60)


@pytest.mark.parametrize(
    ("text", "minutes"),
    [("90", 90), ("1:30", 1.5), ("2:00:00", 120), ("1-0", 1440), ("1-1:30:30", 1530.5)],
)
def test_a_time_is_read_as_sbatch_reads_it(text: str, minutes: float) -> None:
    assert read_parameters([f"time={text}"]).minutes == minutes


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("array=0-3", "'array=0-3': the engine itself sets array; leave it out"),
        ("gpu please", "'gpu please' is not name=value, such as partition=gpu"),
        ("mem=", "'mem=' is not name=value, such as partition=gpu"),
        ("time=soon", "'time=soon': not a time as sbatch takes it, such as 90 (minutes), "
         "1:30:00 or 1-12:00"),
        ("time=0", "'time=0': a job needs a time limit above 0"),
        ("signal_delay_s=x", "'signal_delay_s=x': not a whole number of seconds"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_refused(text: str, why: str) -> None:
    with pytest.raises(ParameterError) as refused:
        read_parameters([text])
    assert str(refused.value) == why


def test_what_a_marker_declares_outranks_the_parameters() -> None:
    parameters = read_parameters(["mem=4G", "partition=gpu", "time=10"])
    asked = parameters.for_need(Need(cpus=1.5, gpus=0.5, memory=2e9))
    assert asked.sbatch == {
        "partition": "gpu",
        "cpus-per-task": "2",
        "gpus-per-task": "1",
        "mem": "1908M",
    }
    assert asked.minutes == 10
    assert parameters.for_need(Need()).sbatch == {"mem": "4G", "partition": "gpu"}
