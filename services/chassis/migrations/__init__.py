"""SQL of the event store and the keyring."""
