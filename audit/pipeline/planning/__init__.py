"""What supplies what is missing: from which archive, in which family, at which line, or by which other way."""
