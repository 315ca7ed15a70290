"""kill -9 in the middle of an update leaves the old or the new file, never half of one."""

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from baseline_examples import KEY, example

from pytest_mlregress.baselines.folder_store import FolderStore
from pytest_mlregress.baselines.json_text import dumps

WRITE_FOR_EVER = """
import sys
from pathlib import Path, PurePosixPath
from pytest_mlregress.baselines import folder_store
from pytest_mlregress.baselines.paths import BaselineKey
root, texts = map(Path, sys.argv[1:3])
key = BaselineKey(*map(PurePosixPath, sys.argv[3:]))
# The artifacts are encoded already, so that nearly every kill hits the writing itself.
folder_store.bytes_of = lambda text, key, source: text.encode()
store = folder_store.FolderStore(root, beside_tests=True)
texts = [path.read_text() for path in texts.iterdir()]
print("ready", flush=True)
while True:
    for text in texts:
        store.write(key, text)
"""


def killed_in_mid_write(root: Path, texts: Path, after_s: float) -> None:
    arguments = [str(root), str(texts), str(KEY.directory), str(KEY.path)]
    with subprocess.Popen(
        [sys.executable, "-c", WRITE_FOR_EVER, *arguments], stdout=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
        time.sleep(after_s)
        writer.kill()
    assert writer.returncode == -signal.SIGKILL


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="kill -9 is POSIX's")
@pytest.mark.parametrize("times", [3, pytest.param(100, marks=pytest.mark.slow)])
def test_a_killed_writer_leaves_a_whole_file(tmp_path: Path, times: int) -> None:
    root, texts = tmp_path / "project", tmp_path / "texts"
    texts.mkdir()
    old, new = (dumps(example(tuple([value] * 20_000))) for value in (0.25, 0.75))
    (texts / "old").write_text(old)
    (texts / "new").write_text(new)
    store = FolderStore(root, beside_tests=True)
    store.write(KEY, example())
    Path(store.describe(KEY)).write_text(old)
    moments = random.Random(times)

    found = set()
    for _ in range(times):
        killed_in_mid_write(root, texts, after_s=moments.uniform(0, 0.1))
        text = Path(store.describe(KEY)).read_text()
        assert text in (old, new)
        found.add(text)

    assert store.list() == (KEY,)
    if times > 10:
        assert found == {old, new}
        assert list(root.rglob("*.mlregress-tmp")), "no kill fell into a write: a weak test"
