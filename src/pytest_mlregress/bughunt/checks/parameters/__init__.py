"""Parameters that do not train, are not needed, or start in the wrong place."""
