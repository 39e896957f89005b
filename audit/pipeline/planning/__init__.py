"""What supplies what is missing: from which archive, in which family, at which line, or in another way."""
