"""Modules are found in distributions as the standard library finds them."""

from importlib import metadata
from pathlib import Path

import pytest

from pytest_mlregress.baselines import distributions
from pytest_mlregress.baselines.distributions import distributions_of


def test_every_module_of_this_environment_is_found_where_the_library_finds_it() -> None:
    expected = metadata.packages_distributions()
    assert expected
    found = {module: distributions_of(module) for module in expected}
    assert found == {module: tuple(sorted(set(names))) for module, names in expected.items()}


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Writes the files of a distribution ``made`` and forgets what was found before."""

    def write(**files: str) -> None:
        about = tmp_path / "made-1.0.dist-info"
        about.mkdir()
        (about / "METADATA").write_text("Metadata-Version: 2.1\nName: made\nVersion: 1.0\n")
        for name, text in files.items():
            (about / name.replace("__", ".")).write_text(text)
        distributions._installed.cache_clear()
        distributions_of.cache_clear()

    monkeypatch.syspath_prepend(tmp_path)
    yield write
    distributions._installed.cache_clear()
    distributions_of.cache_clear()


def test_its_files_say_which_modules_it_has(installed) -> None:
    installed(
        RECORD="package_a/__init__.py,sha256=x,10\npackage_b/inside/deep.py,,\nmodule_c.py,,\n"
        'module_d.cpython-311-x86_64-linux-gnu.so,,\n"package_e/with,comma.py",,\n'
        "__pycache__/module_c.cpython-311.pyc,,\nnot-a-module.py,,\nmade-1.0.dist-info/METADATA,,\n"
    )
    modules = ("package_a", "package_b", "module_c", "module_d", "package_e")
    assert {distributions_of(module) for module in modules} == {("made",)}
    assert distributions_of("deep") == distributions_of("not-a-module") == ()
    assert "made" not in distributions_of("__pycache__")


def test_what_it_declares_comes_before_its_files(installed) -> None:
    installed(top_level__txt="declared_one\ndeclared_two\n", RECORD="package_f/__init__.py,,\n")
    assert distributions_of("declared_one") == distributions_of("declared_two") == ("made",)
    assert distributions_of("package_f") == ()


def test_one_without_files_has_no_module(installed) -> None:
    installed()
    assert distributions_of("made") == ()
