"""The files that a user edits: profiles of PACS, and preferences."""
