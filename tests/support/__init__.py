"""Small worlds for tests: trees, images, ELF files and archives built in memory."""
