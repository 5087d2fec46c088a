"""Whether a retrieval would work: what is tried, and what to do where something fails."""
