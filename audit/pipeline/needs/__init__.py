"""What is needed, who asks for it, and whether it is there."""
