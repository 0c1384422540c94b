"""What a search shows: tables, what mattered, pictures."""
