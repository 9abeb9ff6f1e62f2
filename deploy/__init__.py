"""What runs before and around the service: setting up a bare machine."""
