"""Amazon's application load balancer, in both modes, and CloudFront: percent-encoded PEM with `+`, `/` and `=` as
they are.

In verify mode the balancer sends the leaf it verified, in passthrough mode the whole chain and has verified nothing
but that the client holds the key: then all depends on ClientCertificates. The two are two formats, so that a service
meant for the one does not take the other. CloudFront says in a field of its own whether there is a certificate. Its
passthrough mode sends RFC 9440: use that format. The fields with serial number, names, dates and digest are not read:
the certificate says so itself.
"""

from .decoding import CERTIFICATE, PRESENT, Chain, Format, Values, agreed, escaped_pem, single


def decode_leaf(values: Values) -> Chain:
    """Return the leaf."""
    text = values[CERTIFICATE]
    return (single(escaped_pem(text)),) if text else ()


def decode_chain(values: Values) -> Chain:
    """Return the chain as the client sent it, leaf first."""
    return escaped_pem(values[CERTIFICATE])


def decode_cloudfront(values: Values) -> Chain:
    """Return the leaf, where CloudFront says that there is one."""
    present = values[PRESENT]
    agreed(shown=bool(values[CERTIFICATE]), verified=present == "1", clean=present in {"", "0"})
    return decode_leaf(values)


ALB_VERIFY = Format(
    "alb-verify",
    {CERTIFICATE: "x-amzn-mtls-clientcert-leaf"},
    decode_leaf,
    companions=(
        "x-amzn-mtls-clientcert-serial-number",
        "x-amzn-mtls-clientcert-issuer",
        "x-amzn-mtls-clientcert-subject",
        "x-amzn-mtls-clientcert-validity",
    ),
)
ALB_PASSTHROUGH = Format("alb-passthrough", {CERTIFICATE: "x-amzn-mtls-clientcert"}, decode_chain)
CLOUDFRONT = Format(
    "cloudfront",
    {CERTIFICATE: "cloudfront-viewer-cert-pem", PRESENT: "cloudfront-viewer-cert-present"},
    decode_cloudfront,
    companions=(
        "cloudfront-viewer-cert-serial-number",
        "cloudfront-viewer-cert-issuer",
        "cloudfront-viewer-cert-subject",
        "cloudfront-viewer-cert-validity",
        "cloudfront-viewer-cert-sha256",
    ),
)
