"""What `mlregress init` writes: keys of the configuration, a first test, the CI files."""
