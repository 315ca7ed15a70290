"""Node ids are cut at the file and at the parameters, whatever either contains."""

from __future__ import annotations

import pytest

from pytest_mlregress import node_ids

NESTED = "a[1]/t.py::TestA::TestB::test_d[x[0]::y-seed12]"


def test_parameters_stay_whole() -> None:
    assert node_ids.split_file(NESTED) == ("a[1]/t.py", "TestA::TestB::test_d[x[0]::y-seed12]")
    assert node_ids.name_parts(NESTED) == ("TestA", "TestB", "test_d[x[0]::y-seed12]")
    assert node_ids.dotted_name(NESTED) == "TestA.TestB.test_d[x[0]::y-seed12]"
    assert node_ids.without_parameters(NESTED) == "a[1]/t.py::TestA::TestB::test_d"
    assert node_ids.split_parameters("test_d[x[0]::y]") == ("test_d", "x[0]::y")


def test_a_function_without_parameters() -> None:
    assert node_ids.name_parts("a/t.py::test_d") == ("test_d",)
    assert node_ids.split_parameters("test_d") == ("test_d", None)
    assert node_ids.split_parameters("test_d[]") == ("test_d", "")
    assert node_ids.without_parameters("a/t.py::test_d") == "a/t.py::test_d"


def test_a_file_has_no_names() -> None:
    assert node_ids.split_file("a/t.py") == ("a/t.py", "")
    assert node_ids.in_file("a/t.py", "") == "a/t.py"
    assert node_ids.in_file(*node_ids.split_file(NESTED)) == NESTED


@pytest.mark.parametrize(
    ("node_id", "parameters", "test"),
    [
        ("t.py::test_d[seed3]", ["seed3"], "t.py::test_d"),
        ("t.py::test_d[a-seed3]", ["a", "seed3"], "t.py::test_d[a]"),
        ("t.py::test_d[seed3-b]", ["seed3", "b"], "t.py::test_d[b]"),
        ("t.py::test_d[a-b-seed3]", ["a-b", "seed3"], "t.py::test_d[a-b]"),
        ("t.py::test_d[seed3-seed3]", ["seed3", "seed3"], "t.py::test_d[seed3]"),
    ],
)
def test_a_seed_names_its_test(node_id: str, parameters: list[str], test: str) -> None:
    assert node_ids.without_seed(node_id, parameters, 3) == test
    assert node_ids.has_seed(node_id)


def test_another_seed_of_the_same_test() -> None:
    assert node_ids.replace_seed(NESTED, 12, "seed0") == NESTED.replace("seed12", "seed0")
    assert node_ids.replace_seed("test_d[seed1-seed1]", 1, "verdict") == "test_d[seed1-verdict]"


@pytest.mark.parametrize(
    ("node_id", "has", "ends"),
    [
        ("t.py::test_d[a-seed3]", True, True),
        ("t.py::test_d[seed3-a]", True, False),
        ("t.py::test_d[seeds]", False, False),
        ("seed3/t.py::test_d", False, False),
        ("t.py::test_d[myseed3]", False, True),
    ],
)
def test_whether_an_id_has_a_seed(node_id: str, has: bool, ends: bool) -> None:
    assert (node_ids.has_seed(node_id), node_ids.ends_with_seed(node_id)) == (has, ends)
