"""What the user reads: failure texts, the summary table, and the report files.

Verdicts go in, text comes out. Nothing here decides anything, and nothing here knows pytest.
"""
