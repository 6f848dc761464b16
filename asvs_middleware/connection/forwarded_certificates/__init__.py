"""Client certificates that a proxy forwards in header fields: v5.0.0-12.1.3, v5.0.0-4.1.3, RFC 9440.

A certificate is no secret: whoever can write such a field can be anybody. So the fields count from configured peers
of the transport alone, in one configured format, and are taken away from everybody else. `policy` says which,
`fields` tells them apart, `formats` is the list of decoders, one file each. What comes out was shown to the proxy,
not verified here: `certificates` verifies it like any other.
"""

from .fields import CertificateFields, ForwardedFields, stripped
from .formats import FORMATS
from .policy import ForwardedCertificates

__all__ = ["FORMATS", "CertificateFields", "ForwardedCertificates", "ForwardedFields", "stripped"]
