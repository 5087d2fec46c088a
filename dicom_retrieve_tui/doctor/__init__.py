"""Check step by step whether a retrieval would work, and advise where it would not."""
