"""Lists in files, read again when their bytes have changed: v5.0.0-12.1.4, 13.3.4.

For apps that no reloading server runs. Where `asvs serve` does, it reads the same files by the same rules, and this
finds nothing left to do.
"""

from dataclasses import replace
from datetime import datetime
from hashlib import sha256

from ..verifier import ClientCertificateVerifier
from .change import refuse_worse
from .crl_source import sources
from .happened import fault_of, say_failed, say_refreshed


class ListFiles:
    """The files of the policy in force."""

    def __init__(self, verifier: ClientCertificateVerifier) -> None:
        self._verifier = verifier
        self._seen: list[bytes] = []
        self._fault = ""

    def look(self, at: datetime) -> None:
        """Read the files, and put what is newer in force. Waits for disks: call it in a thread."""
        before = self._verifier.policy
        if not before.crls:
            return
        try:
            seen = [sha256(data).digest() for _, data in sources(before.crls)]
            if seen == self._seen:
                return
            self._seen = seen
            after = replace(before)
            refuse_worse(before.revocation, after.revocation, (*after.anchors, *after.authorities), at)
        except Exception as error:  # noqa: BLE001  # A refusal: whatever is in a file, what is in force stays.
            fault = fault_of(error)
            if fault != self._fault:  # Once for each fault, and not for each look.
                self._fault = fault
                say_failed(fault, source="files")
            return
        self._fault = ""
        old, new = (policy.revocation.lists if policy.revocation else {} for policy in (before, after))
        newer = [one for key, one in new.items() if one != old.get(key)]
        if newer and self._verifier.exchange(before, after):
            for one in newer:
                say_refreshed(one, source="files", at=at)
