"""Reports as text: every renderer takes values and returns a string."""
