"""One check per file; `examine.load_checks` imports them all."""
