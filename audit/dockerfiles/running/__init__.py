"""What an image runs."""
