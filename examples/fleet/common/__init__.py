"""What every service of the fleet shares: settings, messages, health, and the way to a model file."""
