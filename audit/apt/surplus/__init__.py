"""Which installed packages nothing needs, and what goes when they go."""
