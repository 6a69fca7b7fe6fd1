"""What a report, or two, tell beyond the count."""
