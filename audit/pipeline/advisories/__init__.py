"""What is known to be wrong with an image, and who reaches it."""
