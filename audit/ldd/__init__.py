"""What the image's own loader would find, and what it would not."""
