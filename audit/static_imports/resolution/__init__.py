"""Where the Python of an image looks for modules, and which file answers for a name."""
