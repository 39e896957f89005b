"""What compiled extension modules import, by the names among their constants."""
