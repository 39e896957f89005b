"""What is in an image, from all who know: our readers, a scanner, documents of others."""
