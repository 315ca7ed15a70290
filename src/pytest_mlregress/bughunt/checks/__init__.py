"""The checks: one mistake a file, in chapters; its guard stands beside it as ``*_guard.py``."""
