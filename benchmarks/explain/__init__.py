"""How well `mlregress explain` finds planted changes: ``python -m benchmarks.explain``."""
