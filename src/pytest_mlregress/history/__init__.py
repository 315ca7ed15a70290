"""Past runs: what each check and update found, kept in a database that no verdict needs."""
