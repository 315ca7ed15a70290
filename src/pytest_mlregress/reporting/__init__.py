"""What the user reads: failure texts, the summary table, and the report files.

Verdicts in, text out. Nothing here decides anything, and nothing here imports pytest.
"""
