"""Communication security for ASGI apps, tied to OWASP ASVS."""

__version__ = "0.1.0"
