"""No worker sees a GPU that its caller did not name."""

from __future__ import annotations

import os
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_mlregress.resources import devices
from pytest_mlregress.resources.devices import DEVICES, listed_devices
from pytest_mlregress.running.machine_share import give_devices, restore_devices
from pytest_mlregress.running.seed_keys import SEED_ITEM
from pytest_mlregress.running.start_of_run import note_callers_devices
from pytest_mlregress.running.threads import pin_device

ENTRIES = ["0", "1", " 2", "7", "-1", "GPU-a", "MIG-b", "", "x"]


def session(worker: int, need: float | None) -> tuple[Any, list[Any]]:
    settings = SimpleNamespace(num_gpus=need)
    record = SimpleNamespace(declaration=SimpleNamespace(settings=settings), shortfall=None)
    item = SimpleNamespace(stash={SEED_ITEM: record})
    workerinput = {"workerid": f"gw{worker}"}
    return SimpleNamespace(stash=pytest.Stash(), workerinput=workerinput), [item]


def seen_by_cuda(value: str | None, present: int) -> list[str]:
    """What CUDA makes of the variable: entries up to the first that names no GPU."""
    if value is None:
        return [str(number) for number in range(present)]
    found = []
    for entry in value.split(","):
        name = entry.strip()
        gone = name.isdecimal() and int(name) >= present
        if not name or name.startswith("-") or name in found or gone:
            break
        found.append(name)
    return found


@given(
    st.none() | st.lists(st.sampled_from(ENTRIES), max_size=5).map(",".join),
    st.integers(0, 9),
    st.integers(0, 20),
    st.sampled_from([None, 0.0, 0.25, 0.5, 1.0, 2.0, 3.0]),
)
def test_a_worker_sees_gpus_of_the_callers_alone(
    given: str | None, present: int, worker: int, need: float | None
) -> None:
    config, items = session(worker, need)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(devices, "present_devices", lambda: present)
        patch.delenv(DEVICES, raising=False)
        if given is not None:
            patch.setenv(DEVICES, given)
        callers = seen_by_cuda(given, present) if present else seen_by_cuda(given, 10)
        note_callers_devices(config)
        pin_device(f"gw{worker}")
        pinned = os.environ.get(DEVICES)
        give_devices(config, items)
        seen = seen_by_cuda(os.environ.get(DEVICES), present)
        assert set(seen) <= set(callers)
        if need and callers and present:
            assert len(seen) == min(len(callers), max(1, int(need)))
        restore_devices(config)
        assert os.environ.get(DEVICES) == pinned


def test_what_follows_a_name_of_no_gpu_is_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "present_devices", lambda: 4)
    monkeypatch.setenv(DEVICES, "0,-1,1")
    pin_device("gw1")  # CUDA hides GPU 1 from the caller, too
    assert os.environ[DEVICES] == "0"
    assert listed_devices({DEVICES: "2,2"}) == ("2",)
    assert listed_devices({}) == ()
