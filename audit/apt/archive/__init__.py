"""What an archive offers an image: where it is, whether it is to be believed, and who ships which name."""
