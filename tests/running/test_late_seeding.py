"""Hypothesis manages torch's generator."""

import hypothesis
import torch

from pytest_mlregress.running import late_seeding
from pytest_mlregress.seeding import preserved_generators


def test_it_is_registered_once(monkeypatch) -> None:
    registered = []
    monkeypatch.setattr(late_seeding, "_registered_with", None)
    monkeypatch.setattr(hypothesis, "register_random", registered.append)
    late_seeding.register_torch_with_hypothesis()
    late_seeding.register_torch_with_hypothesis()
    assert registered == [late_seeding._torch_generator]
    with preserved_generators():
        registered[0].seed(3)
        state = registered[0].getstate()
        assert torch.equal(state, torch.manual_seed(3).get_state())
