"""What builds install and fetch: whether it is the same again next time, and whether a failure is seen."""
