"""What a person sees while seeds train: the live region, or single lines."""
