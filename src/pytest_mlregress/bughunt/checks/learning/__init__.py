"""Programs that do not learn, or learn what cannot be learned."""
