"""The special functions are scipy's own, and come without the rest of it."""

import subprocess
import sys

FUNCTIONS_ALONE = """
import sys
import pytest_mlregress.statistics
from pytest_mlregress.statistics import special_functions
print("scipy.special" in sys.modules, "numpy.f2py" in sys.modules, "scipy.stats" in sys.modules)
import scipy.special, scipy.stats
names = special_functions.__all__
print([name for name in names
       if getattr(special_functions, name) is not getattr(scipy.special, name)])
print(scipy.special.logsumexp([0.0]), scipy.stats.norm.cdf(0.0), scipy.special.__spec__.name)
"""

IN_A_THREAD = """
import sys, threading
sys.setswitchinterval(1e-6)
def whole():
    import scipy.special
    values.append(scipy.special.logsumexp([0.0]))
values = []
threads = [threading.Thread(target=whole) for _ in range(4)]
for thread in threads:
    thread.start()
from pytest_mlregress.statistics.special_functions import ndtr
for thread in threads:
    thread.join()
print(len(values), ndtr(0.0))
"""

OTHER_SCIPY = """
import sys
class Without:
    def find_spec(self, name, path, target=None):
        if name == "scipy.special._ufuncs" and refused.append(name) is None and len(refused) == 1:
            raise ImportError(name)
refused = []
sys.meta_path.insert(0, Without())
from pytest_mlregress.statistics.special_functions import ndtr
import scipy.special
print(len(refused), ndtr is scipy.special.ndtr)
"""


def printed_by(program: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    return done.stdout


def test_the_functions_are_those_of_scipy_and_the_rest_is_not_imported() -> None:
    assert printed_by(FUNCTIONS_ALONE) == "False False False\n[]\n0.0 0.5 scipy.special\n"


def test_a_thread_that_imports_scipy_at_the_same_time_gets_all_of_it() -> None:
    assert printed_by(IN_A_THREAD) == "4 0.5\n"


def test_a_scipy_that_has_them_elsewhere_gives_its_public_ones() -> None:
    assert printed_by(OTHER_SCIPY) == "2 True\n"
