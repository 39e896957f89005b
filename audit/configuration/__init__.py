"""YAML with positions, checked whole: every error at once, with file and line."""
