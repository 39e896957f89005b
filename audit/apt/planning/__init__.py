"""What to add to an image, and why nothing smaller would do."""
