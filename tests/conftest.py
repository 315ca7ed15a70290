"""What all of the project's own tests share."""

import os

from hypothesis import settings

# The same commit has the same verdict: a test's own source seeds its examples, not the clock.
# `HYPOTHESIS_PROFILE=explore pytest` looks for new ones.
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.register_profile("explore", deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeatable"))
