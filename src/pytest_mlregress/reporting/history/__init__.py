"""Past runs: `mlregress history`, `health` and `replay`."""
