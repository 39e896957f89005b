"""What services really import, load and run, seen from their source alone."""
