"""What runs the items of a session: processes here, or on other machines, and in which order."""
