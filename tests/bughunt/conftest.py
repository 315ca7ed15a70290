"""Nothing below is collected where torch is missing.

Because of this file pytest puts its folder on `sys.path`: that is where the tests of the folders
below find `snippets` and the other modules that they share.
"""

from importlib.util import find_spec

collect_ignore_glob = [] if find_spec("torch") else ["*"]
