"""Third-party tools that get verdicts by interfaces of their own, one file each."""
