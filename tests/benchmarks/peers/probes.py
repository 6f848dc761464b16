"""One question each, put to a site as a client would, and answered with what was seen."""

import asyncio
import re
import socket
import threading
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import httpx
import uvicorn
from starlette.types import ASGIApp

from .subjects import HOST, OWN, Subject

PEER = ("203.0.113.9", 4711)
BROWSER = {"accept": "text/html,application/xhtml+xml"}
TOGETHER = 20
SECURITY = {
    "content-security-policy", "cross-origin-embedder-policy", "cross-origin-opener-policy", "permissions-policy",
    "cross-origin-resource-policy", "origin-agent-cluster", "referrer-policy", "strict-transport-security",
    "x-content-type-options", "x-frame-options",
}  # fmt: skip


async def asked(
    app: ASGIApp, path: str, *, method: str = "GET", scheme: str = "https", **options: object
) -> httpx.Response:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False, client=PEER)
    async with httpx.AsyncClient(transport=transport, base_url=f"{scheme}://{HOST}") as client:
        return await client.request(method, path, **options)  # type: ignore[arg-type]


def ask(app: ASGIApp, path: str, **options: object) -> httpx.Response:
    """Ask an app one thing, from an address that is no proxy."""
    return asyncio.run(asked(app, path, **options))  # type: ignore[arg-type]


def security_headers(answer: httpx.Response) -> set[str]:
    return {name for name in answer.headers if name in SECURITY}


def on_a_500(subject: Subject) -> str:
    app = subject.make()
    usual, failed = ask(app, "/json"), ask(app, "/boom")
    assert failed.status_code == 500
    kept, had = len(security_headers(usual) & security_headers(failed)), len(security_headers(usual))
    return f"{'yes' if kept == had else 'no'}: {kept} of {had}"


def own_headers(subject: Subject) -> str:
    answer = ask(subject.make(), "/own")
    names = [name.decode().lower() for name, _ in answer.headers.raw]
    wrong = []
    for name, value in OWN.items():
        found = answer.headers.get_list(name)
        if not found:
            wrong.append(f"{name} lost")
        elif len(found) > 1:
            wrong.append(f"{name} sent twice")
        elif not found[0].startswith(value):
            wrong.append(f"{name} replaced")
    wrong += [f"{name} sent twice" for name in sorted(set(names)) if names.count(name) > 1 and name not in OWN]
    return f"no: {', '.join(wrong)}" if wrong else "yes"


def plaintext_call(subject: Subject) -> str:
    answer = ask(subject.make(), "/json", method="POST", scheme="http", headers={"authorization": "Bearer secret"})
    return _outcome(answer)


def plaintext_page(subject: Subject) -> str:
    return _outcome(ask(subject.make(), "/page", scheme="http", headers=BROWSER))


def _outcome(answer: httpx.Response) -> str:
    if answer.is_redirect:
        return f"redirected ({answer.status_code})"
    return f"refused ({answer.status_code})" if answer.is_error else f"served ({answer.status_code})"


def forged_scheme(subject: Subject) -> str:
    if not subject.enforces_https:
        return "enforces no HTTPS"
    forged = {**BROWSER, "x-forwarded-proto": "https"}
    answer = ask(subject.make(), "/page", scheme="http", headers=forged)
    return "believed: served" if answer.is_success else "ignored"


def believed_by_the_server(subject: Subject) -> str:
    """Let uvicorn believe the fields, as it does by default where the peer is this machine."""
    if not subject.enforces_https:
        return "enforces no HTTPS"
    forged = {**BROWSER, "host": HOST, "x-forwarded-proto": "https", "x-forwarded-for": "10.1.2.3"}
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(subject.make(), log_level="critical"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/page"
        answer = httpx.get(url, headers=forged, trust_env=False)
        server.should_exit = True
        thread.join(timeout=10)
    return "believed: served" if answer.is_success else "ignored"


def with_a_rule(subject: Subject) -> str:
    if not subject.enforces_https:
        return "enforces no HTTPS"
    answer = ask(subject.make(), "/differs", scheme="http", headers=BROWSER)
    return "no: served in clear" if answer.is_success else "yes"


def hsts_over_plaintext(subject: Subject) -> str:
    app = subject.make()
    paths = ["/page", *(["/differs"] if subject.has else [])]
    answers = [ask(app, path, scheme="http", headers=BROWSER) for path in paths]
    return "no: sent in clear" if any("strict-transport-security" in one.headers for one in answers) else "yes"


def nonces(subject: Subject) -> str:
    async def together() -> list[httpx.Response]:
        app = subject.make()
        return await asyncio.gather(*(asked(app, "/page") for _ in range(TOGETHER)))

    answers = asyncio.run(together())
    inside = [re.findall(r'nonce="([^"]+)"', answer.text) for answer in answers]
    if not all(inside):
        return "no nonce"
    sent = [re.findall(r"'nonce-([^']+)'", answer.headers.get("content-security-policy", "")) for answer in answers]
    differ = sum(of_page[0] not in of_header for of_page, of_header in zip(inside, sent, strict=True))
    if differ:
        return f"no: {differ} of {TOGETHER} pages differ from their header"
    return "yes" if len({one[0] for one in inside}) == TOGETHER else "no: shared"


def nonce_and_caches(subject: Subject) -> str:
    answer = ask(subject.make(), "/page")
    if "nonce-" not in answer.headers.get("content-security-policy", ""):
        return "no nonce"
    return "yes" if "no-store" in answer.headers.get("cache-control", "") else "no"


def misspelt(subject: Subject) -> str:
    assert "default-src 'self'" in subject.policy({"default-src": ["'self'"]})
    try:
        subject.policy({"default-src": ["'self'"], "scirpt-src": ["'self'"]})
    except Exception as error:  # Whatever it raises stops the start.
        return f"yes{', with the right name' if 'script-src' in str(error) else ''}"
    return "no: sent as it is"


def injection(subject: Subject) -> str:
    try:
        made = subject.policy({"default-src": ["'self'", "https://a.example; script-src *"]})
    except Exception:
        return "refused"
    return "no: a directive more" if "; script-src *" in made else "neutralised"


def one_route(subject: Subject) -> str:
    if "route" not in subject.has:
        return "no"
    app = subject.make()
    usual, other = ask(app, "/json").headers, ask(app, "/differs").headers
    differ = sorted(name for name in SECURITY if usual.get(name) != other.get(name))
    return f"yes: {', '.join(differ)} differs here" if differ else "no"


def both_policies(subject: Subject) -> str:
    found = ask(subject.make(), "/page").headers
    wanted = ("content-security-policy", "content-security-policy-report-only")
    return "yes" if all(name in found for name in wanted) else "no"


def collector(subject: Subject) -> str:
    report = '{"csp-report": {"document-uri": "https://shop.example/page", "violated-directive": "script-src"}}'
    headers = {"content-type": "application/csp-report"}
    answer = ask(subject.make(), "/.well-known/reports", method="POST", content=report, headers=headers)
    if answer.status_code == 204:
        return "yes"
    return "partly: a function, no endpoint" if files_with("csp-report", subject) else "no"


def clear_site_data(subject: Subject) -> str:
    if not files_with("clear.site.data", subject):
        return "no"
    assert "clear-site-data" in subject.has
    return "yes" if "clear-site-data" in ask(subject.make(), "/differs").headers else "no"


def cookie(subject: Subject) -> str:
    sent = ask(subject.make(), "/own").headers.get("set-cookie", "").lower()
    return "yes" if all(word in sent for word in ("secure", "httponly", "samesite")) else "no"


def cross_site_post(subject: Subject) -> str:
    headers = {"origin": "https://evil.example", "sec-fetch-site": "cross-site", "sec-fetch-mode": "cors"}
    return _outcome(ask(subject.make(), "/json", method="POST", headers=headers))


def mentions(word: str) -> Callable[[Subject], str]:
    """Return the question how many files of a package have a word in them: none means that there is no such thing."""

    def count(subject: Subject) -> str:
        found = files_with(word, subject)
        return f"yes: in {found} files" if found else "no"

    return count


def files_with(word: str, subject: Subject) -> int:
    """Return how many source files of a package match."""
    found = 0
    for module in subject.modules:
        spec = find_spec(module)
        assert spec is not None
        assert spec.origin is not None
        for file in Path(spec.origin).parent.rglob("*.py"):
            found += re.search(word, file.read_text(encoding="utf-8", errors="replace"), re.IGNORECASE) is not None
    return found


ROWS: dict[str, Callable[[Subject], str]] = {
    "All its headers on an unhandled 500": on_a_500,
    "The app's own headers kept, each once": own_headers,
    "A call over plaintext, with a token": plaintext_call,
    "A page over plaintext": plaintext_page,
    "X-Forwarded-Proto from a peer that is no proxy": forged_scheme,
    "... after uvicorn has believed it": believed_by_the_server,
    "HTTPS enforced on a route with a rule of its own": with_a_rule,
    "HSTS over TLS alone": hsts_over_plaintext,
    "A nonce of its own for each of 20 requests at once": nonces,
    "A page with a nonce is kept from caches": nonce_and_caches,
    "A misspelt CSP directive stops the start": misspelt,
    "`; script-src *` inside a CSP source": injection,
    "The headers of one route may differ": one_route,
    "Enforced and report-only CSP together": both_policies,
    "Takes the browsers' reports": collector,
    "Clear-Site-Data on a route": clear_site_data,
    "A cookie without attributes gets them": cookie,
    "A POST from another site's page": cross_site_post,
    "Certificate-bound tokens (RFC 8705)": mentions(r"x5t#S256"),
    "Names ASVS requirements": mentions(r"\bASVS\b"),
}
