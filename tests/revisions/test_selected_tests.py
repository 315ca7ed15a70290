"""Which paths are tests, whatever the tree looks like."""

from hypothesis import given
from hypothesis import strategies as st

from pytest_mlregress.revisions.selected_tests import select_tests

PARTS = st.sampled_from(
    [
        *("tests", "test", "src", "package", "latest", "__baselines__", "conftest.py"),
        *("model.py", "test_a.py", "a_test.py", "pyproject.toml", "setup.py", "data.csv", "é ü"),
    ]
)
PATHS = st.lists(PARTS, min_size=1, max_size=5).map("/".join)
PATTERNS = ("test_*.py", "*_test.py")
TEST_FILES = ("conftest.py", "test_a.py", "a_test.py")


@given(st.frozensets(PATHS, max_size=12), st.sampled_from(["", "src", "tests", "src/package"]))
def test_code_is_never_a_test(present: frozenset[str], root: str) -> None:
    tests = select_tests(present, root=root, patterns=PATTERNS, folders=("src", "latest"))
    for path in present:
        parts = path.split("/")
        if path in tests:
            assert "__baselines__" not in parts
            assert parts[-1] in TEST_FILES or {"tests", "test"} & set(parts)
        elif parts[-1] in TEST_FILES and path.startswith(f"{root}/" if root else ""):
            assert "__baselines__" in parts


@given(st.frozensets(PATHS, max_size=12))
def test_folders_of_tests_hold_tests_and_no_project_and_do_not_overlap(
    present: frozenset[str],
) -> None:
    folders = select_tests(present, root="", patterns=PATTERNS, folders=()).folders
    for folder in folders:
        inside = [path for path in present if path.startswith(f"{folder}/")]
        assert any(path.rpartition("/")[2] in TEST_FILES for path in inside)
        assert not {f"{folder}/pyproject.toml", f"{folder}/setup.py"} & present
        assert not any(other.startswith(f"{folder}/") for other in folders)
