"""What `mlregress ablate` found: terminal, HTML, Markdown."""
