"""TLS contexts that follow a dated guideline: build one for a server or a client, and say what is in force."""

from .client import HandshakeHook, client_context, verified_chain
from .describe import Description, Missing, describe
from .files import read_chain, read_password, read_profile
from .groups import in_force, known_here
from .guidelines import DEFAULT_PROFILE, GUIDELINES, Guideline, guideline
from .lifetimes import Lifetime, public_limit
from .own_certificate import Advice, advise
from .server import ClientCertificateMode, server_context

__all__ = [
    "DEFAULT_PROFILE",
    "GUIDELINES",
    "Advice",
    "ClientCertificateMode",
    "Description",
    "Guideline",
    "HandshakeHook",
    "Lifetime",
    "Missing",
    "advise",
    "client_context",
    "describe",
    "guideline",
    "in_force",
    "known_here",
    "public_limit",
    "read_chain",
    "read_password",
    "read_profile",
    "server_context",
    "verified_chain",
]
