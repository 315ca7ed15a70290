"""How well the bug hunt does on the corpus, and next to existing tools."""
