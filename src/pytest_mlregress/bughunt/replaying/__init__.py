"""The program run again with one thing changed, and what recordings of it tell."""
