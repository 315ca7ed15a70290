"""What `mlregress bisect` found: terminal, HTML, Markdown."""
