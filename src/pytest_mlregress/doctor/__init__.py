"""What makes a repository reproducible or not, as findings with evidence and remedy.

`examine` runs the registered checks on a `Project`; each lies in a file of its own in ``checks``.
Checks read files, syntax trees, git and baselines; those that need trained seeds take them from the
`Trainings` of the project. Nothing in here imports torch or runs the user's code.
"""
