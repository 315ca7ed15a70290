"""Third-party tools, one file each, imported when they are used.

Tools that get verdicts by interfaces of their own, and training frameworks whose loggers and
callbacks write into the run of a seed.
"""
