"""Seeds as pytest items: markers, collection, seeding, threads, and the result of one seed."""
