"""Other commits of the code under test: worktrees, and runs of single tests in them."""
