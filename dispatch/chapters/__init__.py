"""Parts of a case's life that stand on their own, each with its guards, checks, conditions, sources and effects."""
