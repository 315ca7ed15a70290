"""The candidate's tests over the base's checkout, and never the code under test."""

import os
from pathlib import Path

import pytest
from git_projects import Project, names_in, on_branch, project

from pytest_mlregress.revisions import place_file


@pytest.fixture
def made(tmp_path: Path) -> Project:
    return project(
        tmp_path / "project",
        {
            "model.py": "WIDTH = 1\n",
            "test_model.py": "OLD = 1\n",
            "conftest.py": "OLD = 1\n",
            "src/package/layer.py": "DEPTH = 1\n",
            "src/package/layer_test.py": "OLD = 1\n",
            "src/package/tests/test_deep.py": "OLD = 1\n",
            "src/package/tests/reference.txt": "old\n",
            "tests/test_all.py": "OLD = 1\n",
            "tests/helpers.py": "OLD = 1\n",
            "tests/removed.py": "",
            "tests/removed/test_gone.py": "",
            "tests/__baselines__/test_all/all.json": "old\n",
        },
    )


def texts(folder: Path) -> dict[str, str]:
    return {name: (folder / name).read_text() for name in names_in(folder)}


def test_tests_are_the_candidates_and_code_is_the_bases(made: Project) -> None:
    changed = dict.fromkeys(names_in(made.top), "NEW = 1\n")
    del changed["tests/removed.py"], changed["tests/removed/test_gone.py"]
    on_branch(made, {**changed, "tests/data/new.txt": "new\n", "src/package/test_added.py": "N\n"})
    made.git("rm", "-rq", "tests/removed.py", "tests/removed")
    (made.top / "test_model.py").write_text("DIRTY = 1\n")
    (made.top / "tests" / "untracked é.py").write_text("UNTRACKED = 1\n")
    made.write({"tests/__pycache__/ignored.pyc": ""})

    checkout = made.prepare()

    assert texts(checkout.top) == {
        "conftest.py": "NEW = 1\n",
        "model.py": "WIDTH = 1\n",
        "src/package/layer.py": "DEPTH = 1\n",
        "src/package/layer_test.py": "NEW = 1\n",
        "src/package/test_added.py": "N\n",
        "src/package/tests/reference.txt": "NEW = 1\n",
        "src/package/tests/test_deep.py": "NEW = 1\n",
        "test_model.py": "DIRTY = 1\n",
        "tests/__baselines__/test_all/all.json": "old\n",
        "tests/data/new.txt": "new\n",
        "tests/helpers.py": "NEW = 1\n",
        "tests/test_all.py": "NEW = 1\n",
        "tests/untracked é.py": "UNTRACKED = 1\n",
    }
    checkout.release(keep=True)
    own = made.prepare("own-tests:main")
    assert own.top == checkout.top
    assert {text for name, text in texts(own.top).items() if "test" in name} == {
        *("OLD = 1\n", "old\n", "")
    }
    own.release(keep=False)


def test_a_removed_conftest_and_test_are_removed_beside_the_code(made: Project) -> None:
    on_branch(made)
    made.git("rm", "-q", "conftest.py", "test_model.py", "src/package/layer.py")
    checkout = made.prepare()
    assert not (checkout.top / "conftest.py").exists()
    assert not (checkout.top / "test_model.py").exists()
    assert (checkout.top / "src" / "package" / "layer.py").exists()
    checkout.release(keep=False)


def test_tests_outside_the_rootdir_stay_the_bases(made: Project) -> None:
    on_branch(made, {"test_model.py": "NEW\n", "src/package/layer_test.py": "NEW\n"})
    checkout = made.prepare(rootdir=made.top / "src")
    assert (checkout.top / "test_model.py").read_text() == "OLD = 1\n"
    assert (checkout.top / "src" / "package" / "layer_test.py").read_text() == "NEW\n"
    checkout.release(keep=False)


def test_a_project_folder_named_tests_is_code(tmp_path: Path) -> None:
    """Neither the repository itself nor a project in it is taken for a folder of tests."""
    names = ("model.py", "test_model.py", "test/pyproject.toml", "test/net.py", "test/test_net.py")
    made = on_branch(project(tmp_path / "tests", dict.fromkeys(names, "old = 1\n")))
    made.commit(dict.fromkeys(names, "new = 1\n"))
    checkout = made.prepare()
    new = [name for name, text in texts(checkout.top).items() if text == "new = 1\n"]
    assert new == ["test/test_net.py", "test_model.py"]
    checkout.release(keep=False)


def test_a_folder_of_testpaths_is_taken_whole_if_its_name_says_tests(tmp_path: Path) -> None:
    names = ("model/net.py", "model/test_net.py", "checks/test_a.py", "checks/help.py")
    named = ("slow_tests/test_b.py", "slow_tests/help.py", "test-data/help.py")
    made = project(tmp_path / "project", dict.fromkeys((*names, *named), "old = 1\n"))
    on_branch(made, dict.fromkeys((*names, *named), "new = 1\n"))
    folders = [Path("model"), made.top / "checks", Path("slow_tests"), Path("test-data"), Path()]
    checkout = made.prepare(folders=[*folders, Path("..")])
    new = [name for name, text in texts(checkout.top).items() if text == "new = 1\n"]
    assert new == [
        *("checks/test_a.py", "model/test_net.py", "slow_tests/help.py", "slow_tests/test_b.py")
    ]
    checkout.release(keep=False)


def test_a_pattern_that_matches_every_module_does_not_make_code_a_test(made: Project) -> None:
    on_branch(made, {"model.py": "NEW\n", "tests/helpers.py": "NEW\n", "conftest.py": "NEW\n"})
    checkout = made.prepare(patterns=["*.py"])
    new = [name for name, text in texts(checkout.top).items() if text == "NEW\n"]
    assert new == ["conftest.py", "tests/helpers.py"]
    assert checkout.notes == (
        "python_files = *.py matches any module, so only the modules in src/package/tests, tests "
        "and conftest.py files are the same on both sides",
    )
    checkout.release(keep=True)
    own = made.prepare("own-tests:main", patterns=["*.py"])
    assert own.notes == ()
    own.release(keep=False)


def test_links_modes_and_large_files(made: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(place_file, "_COPIED_UP_TO", 10)
    on_branch(made, {"tests/large.bin": "x" * 11, "tests/run.sh": "#!\n", "tests/to.txt": "to"})
    (made.top / "tests" / "run.sh").chmod(0o755)
    (made.top / "tests" / "link").symlink_to("to.txt")
    (made.top / "tests" / "broken").symlink_to("nowhere")
    checkout = made.prepare()
    laid = checkout.top / "tests"
    assert os.access(laid / "run.sh", os.X_OK)
    assert (laid / "link").readlink() == Path("to.txt")
    assert (laid / "broken").readlink() == Path("nowhere")
    assert (laid / "large.bin").samefile(made.top / "tests" / "large.bin")
    assert not (laid / "to.txt").samefile(made.top / "tests" / "to.txt")
    checkout.release(keep=True)
    made.prepare("own-tests:main").release(keep=False)
    assert (made.top / "tests" / "large.bin").read_text() == "x" * 11


def test_a_link_of_the_base_does_not_lead_the_tests_out_of_it(tmp_path: Path) -> None:
    made = project(tmp_path / "project", {"shared/test_a.py": "old\n", "shared/only.txt": ""})
    (made.top / "tests").symlink_to("shared")
    (tmp_path / "outside").mkdir()
    (made.top / "out").symlink_to(tmp_path / "outside")
    made.commit({})
    made.git("checkout", "--quiet", "-b", "idea")
    for name in ("tests", "out"):
        (made.top / name).unlink()
    made.commit({"tests/test_a.py": "new\n", "out/test_b.py": "new\n"})
    checkout = made.prepare()
    assert (checkout.top / "tests" / "test_a.py").read_text() == "new\n"
    assert (checkout.top / "out" / "test_b.py").read_text() == "new\n"
    assert (checkout.top / "shared" / "test_a.py").read_text() == "old\n"
    assert list((tmp_path / "outside").iterdir()) == []
    checkout.release(keep=False)
