"""What dpkg says of an image: its packages, and who owns which file."""
