"""Image references and file trees, read without an engine and without extracting anything."""
