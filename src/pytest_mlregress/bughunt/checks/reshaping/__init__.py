"""Views and reshapes that regroup elements where a permute was intended."""
