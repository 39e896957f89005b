"""What one Python file says by itself, kept by its content."""
