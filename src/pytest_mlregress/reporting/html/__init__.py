"""The report of a run as one HTML file: the page, its cards, and what a card shows."""
