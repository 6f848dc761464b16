"""The server's own certificates and key exchange: groups, expiry, reload."""
