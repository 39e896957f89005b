"""The only package that starts programs or speaks to a network."""
