"""What is known to be wrong with components: a scanner is asked, and its answer made one of our own."""
