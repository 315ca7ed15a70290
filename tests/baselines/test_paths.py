"""Every test has a file of its own, below the baseline folder, on every file system."""

import re
import unicodedata
from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_mlregress.baselines.errors import StoreError
from pytest_mlregress.baselines.paths import BaselineKey, artifact_path


@pytest.mark.parametrize(
    ("test_id", "path"),
    [
        ("test_digits.py::test_digits", "test_digits/test_digits.full.json"),
        ("test_digits.py::test_digits[adam-0.1]", "test_digits/test_digits[adam-0.1].full.json"),
        ("test_a.py::tests::test_b", "test_a/tests.test_b.full.json"),
    ],
)
def test_a_harmless_name_stays_as_it_is(test_id: str, path: str) -> None:
    assert artifact_path(test_id, "full") == PurePosixPath(path)


@pytest.mark.parametrize(
    ("test_id", "shape"),
    [
        ("test_a.py::TestNet::test_b", r"test_a/testnet\.test_b-HASH\.full\.json"),
        ("test_a.py::test_b[Adam]", r"test_a/test_b\[adam\]-HASH\.full\.json"),
        ("test_a.py::test_b[a/../../etc]", r"test_a/test_b\[a-\.\.-\.\.-etc\]-HASH\.full\.json"),
        ("test_a.py::test_b[x\0y\n]", r"test_a/test_b\[x-y-\]-HASH\.full\.json"),
        ("../../etc/passwd::test_a", r"etc-passwd-HASH/test_a\.full\.json"),
        ("/etc/passwd::test_a", r"etc-passwd-HASH/test_a\.full\.json"),
        ("C:\\windows\\a.py::test_a", r"c-windows-a-HASH/test_a\.full\.json"),
        ("aux.py::nul", r"aux-HASH/nul-HASH\.full\.json"),
        ("test_a.py::con.b", r"test_a/con\.b-HASH\.full\.json"),
        ("test_a.py::test_b[ü]", r"test_a/test_b\[-\]-HASH\.full\.json"),
        ("test_a.py::test_b ", r"test_a/test_b-HASH\.full\.json"),
        ("test_a.py::.hidden.", r"test_a/hidden-HASH\.full\.json"),
        ("README.md::README.md", r"readme-md-HASH/readme\.md-HASH\.full\.json"),
        ("", r"HASH/HASH\.full\.json"),
        ("..::..", r"HASH/HASH\.full\.json"),
        ("test_a.py::test_b[" + "x" * 300 + "]", r"test_a/test_b\[x{93}-HASH\.full\.json"),
    ],
)
def test_a_hostile_name_is_made_safe_and_gets_a_hash(test_id: str, shape: str) -> None:
    path = str(artifact_path(test_id, "full"))

    assert re.fullmatch(shape.replace("HASH", "[0-9a-f]{8}"), path)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("test_a.py::test_b[Adam]", "test_a.py::test_b[adam]"),
        ("test_a.py::test_b[a:b]", "test_a.py::test_b[a/b]"),
        ("test_a.py::A::test", "test_a.py::a::test"),
        ("test_a.py::a.b", "test_a.py::a::b"),
        ("test_a.py::test[é]", "test_a.py::test[e\u0301]"),
        ("test_a.py::test[" + "x" * 300 + "a]", "test_a.py::test[" + "x" * 300 + "b]"),
        ("test_a.py::test", "Test_a.py::test"),
        ("test.a.py::test", "test-a.py::test"),
        ("test_a.py::test\ud800", "test_a.py::test\ud801"),
    ],
)
def test_two_ids_never_share_a_file_on_any_file_system(left: str, right: str) -> None:
    def as_macos_sees_it(test_id: str) -> str:
        return unicodedata.normalize("NFC", str(artifact_path(test_id, "full"))).casefold()

    assert as_macos_sees_it(left) != as_macos_sees_it(right)


def test_tiers_never_share_a_file() -> None:
    tiers = ["full", "Full", "fast", "a.b", "b", "../full", "", "full.json", "con", "x" * 300]
    paths = {str(artifact_path("test_a.py::test_a", tier)) for tier in tiers}

    assert len(paths) == len(tiers)
    assert artifact_path("test_a.py::a.b", "c") != artifact_path("test_a.py::a", "b.c")


RESERVED_ON_WINDOWS = {"con", "prn", "aux", "nul"} | {
    f"{port}{number}" for port in ("com", "lpt") for number in range(10)
}
hostile = st.sampled_from(sorted(RESERVED_ON_WINDOWS)) | st.text(
    st.sampled_from("aA.:/\\[]-~*? \0\n\r\tüß😀\ud800%$'\"<>|") | st.characters()
)


@given(hostile, hostile)
def test_every_path_is_two_safe_parts(test_id: str, tier: str) -> None:
    path = artifact_path(test_id, tier)

    assert len(path.parts) == 2
    for part in path.parts:
        assert re.fullmatch(r"[a-z0-9_\[\]+=,][a-z0-9_.\[\]+=,-]*", part)
        assert len(part) < 255
        assert not part.endswith(".")
        assert part.partition(".")[0] not in RESERVED_ON_WINDOWS
    assert path.suffix == ".json"


@given(hostile, hostile)
def test_different_ids_have_different_paths(left: str, right: str) -> None:
    same = artifact_path(left, "full") == artifact_path(right, "full")

    assert same == (left == right)


@pytest.mark.parametrize("directory", ["../other", "/etc", "tests/../.."])
def test_tests_outside_the_rootdir_have_no_place(directory: str) -> None:
    with pytest.raises(StoreError, match=r"outside pytest's rootdir.*Pass a --rootdir"):
        BaselineKey(PurePosixPath(directory), PurePosixPath("test_a/test_a.full.json"))
