"""Who may connect, and what becomes of a handshake."""
