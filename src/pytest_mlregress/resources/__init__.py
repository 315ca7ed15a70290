"""What a seed needs, what this machine has, and who uses it now; imports no pytest."""
