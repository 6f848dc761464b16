"""RFC 8705 appendix A: the thumbprint a certificate-bound token is tied to."""

import json
from base64 import b64decode, urlsafe_b64encode
from pathlib import Path

from asvs_middleware.certificates.leaf import thumbprint


def test_rfc8705_thumbprint(vectors: Path) -> None:
    """The thumbprint of the certificate in RFC 8705 appendix A is the `x5t#S256` printed there."""
    vector = json.loads((vectors / "jose" / "rfc" / "rfc8705.json").read_bytes())
    digest = thumbprint(b64decode(vector["certificate_b64"]))
    assert urlsafe_b64encode(digest).rstrip(b"=").decode() == vector["x5t#S256"]
