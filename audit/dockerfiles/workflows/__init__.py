"""What the repository's GitHub workflows do: what they build, and which of their gates cannot fail."""
