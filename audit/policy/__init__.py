"""Rules over evidence; sees values, never the world."""
