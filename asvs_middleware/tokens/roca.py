"""RSA keys made by the broken generator of CVE-2017-15361 ("ROCA"): their private half can be computed.

Such a modulus is a power of 65537 modulo every small prime. An honest modulus passes all of these tests with a
chance below one in a hundred million.
"""

from typing import Final

_PRIMES: Final = (
    *(3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97),
    *(101, 103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167),
)

_POWERS: Final = {prime: frozenset(pow(65537, k, prime) for k in range(prime)) for prime in _PRIMES}


def has_roca_fingerprint(modulus: int) -> bool:
    """Tell whether the modulus carries the fingerprint.

    >>> has_roca_fingerprint(65537**5)
    True
    """
    return all(modulus % prime in powers for prime, powers in _POWERS.items())
