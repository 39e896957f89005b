"""What syft and trivy are shown of an image, and what they answer."""
