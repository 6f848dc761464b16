"""Whether a certificate was revoked: lists, and OCSP of private responders."""
