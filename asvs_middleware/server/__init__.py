"""Serving an app over hardened TLS, and the development PKI to try it with."""
