"""What a person has saved: profiles of PACS, in a file of their own."""
