"""What is in an image, as canonical package URLs."""
