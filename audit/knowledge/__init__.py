"""Facts that cannot be derived, read from rules/knowledge."""
