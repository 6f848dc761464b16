"""The gates: each looks at one Connection and lets it pass, refuses it, or sends a page to TLS."""
