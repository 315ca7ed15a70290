"""Whether a test's fast tier says of changes what its full one says."""
