"""What a check of a response looks at, and what it reports."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from ..connection import is_public_name
from ..errors import ConfigurationError
from ..events import printable
from ..headers import Pair

_WITHOUT_BODY: Final = frozenset({204, 205, 304})


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One requirement a response misses.

    Attributes:
        requirements: ASVS ids.
        field: the header field.
        seen: what was there.
        remedy: what to do.
    """

    requirements: tuple[str, ...]
    field: str
    seen: str
    remedy: str

    def __str__(self) -> str:
        seen = printable(self.seen)
        return f"{', '.join(self.requirements)}\n    {self.field}: {seen}. {self.remedy}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A response as the checks see it.

    Attributes:
        status: the status code.
        fields: the values of each header field by lower-case name, in order.
        over_tls: whether it came over TLS; taken for granted where the response does not say.
        named_host: whether HSTS may be sent for the host; taken for granted likewise.
        has_body: whether a body came with it.
        where: method and path, for people.
    """

    status: int
    fields: Mapping[str, list[str]]
    over_tls: bool
    named_host: bool
    has_body: bool
    where: str

    def values(self, name: str) -> list[str]:
        """Return the values of a field, none if it is absent."""
        return self.fields.get(name, [])

    def value(self, name: str) -> str:
        """Return the first value of a field, or an empty text."""
        return next(iter(self.values(name)), "")

    @property
    def media_type(self) -> str:
        """The media type in lower case, without parameters."""
        return self.value("content-type").partition(";")[0].strip().lower()

    @property
    def is_document(self) -> bool:
        """Whether a browser would make a document of it in which script can run."""
        media = self.media_type
        return media == "text/html" or media.endswith(("+xml", "/xml"))


def seen(response: Any) -> Seen:
    """Read a response of httpx, httpx2 or Starlette.

    Raises:
        ConfigurationError: it is none.
    """
    raw = getattr(getattr(response, "headers", None), "raw", None)
    status = getattr(response, "status_code", None)
    if raw is None or not isinstance(status, int):
        raise ConfigurationError(
            f"assert_headers() got a {type(response).__name__}.", fix="Give it a response of httpx or Starlette."
        )
    request = _request(response)
    if request is None:
        return of_fields(raw, status=status)
    host = request.headers.get("host", "").encode() or request.url.netloc
    over_tls = request.url.scheme in {"https", "wss"}
    return of_fields(raw, status=status, method=request.method, path=request.url.path, host=host, over_tls=over_tls)


def of_fields(
    pairs: Iterable[Pair],
    *,
    status: int,
    method: str = "",
    path: str = "",
    host: bytes | None = None,
    over_tls: bool = True,
) -> Seen:
    """Return what the fields of a response show.

    Args:
        pairs: names and values.
        status: the status code.
        method: of the request; empty where it is not known, and then so are path and host.
        path: of the request.
        host: the Host field.
        over_tls: whether it came over TLS.
    """
    fields: dict[str, list[str]] = {}
    for name, value in pairs:
        fields.setdefault(name.decode("latin-1").lower(), []).append(value.decode("latin-1").strip(" \t"))
    return Seen(
        status=status,
        fields=fields,
        over_tls=over_tls,
        named_host=host is None or is_public_name(host),
        has_body=status not in _WITHOUT_BODY and method != "HEAD" and fields.get("content-length") != ["0"],
        where=f"{method} {path}" if method else "The response",
    )


def _request(response: Any) -> Any:
    """Return what was asked, where the response knows: one made by hand does not."""
    try:
        return getattr(response, "request", None)
    except RuntimeError:
        return None
