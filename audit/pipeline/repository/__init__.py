"""What a repository claims of its images, area by area, and how the answers are judged together."""
