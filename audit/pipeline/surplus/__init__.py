"""What nobody uses of what an image has."""
