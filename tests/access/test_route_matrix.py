"""The route matrix: what is printed is what the start-up check judged."""

import json
from datetime import date
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route, Router

from asvs_middleware import SecurityPolicy, public, secure, sensitive
from asvs_middleware.access import rendered
from asvs_middleware.stack import stack_of
from asvs_middleware.waivers import Waiver


async def raw(scope: Any, receive: Any, send: Any) -> None: ...


def a_route(path: str, *marks: Any) -> Route:
    async def endpoint(request: Request) -> PlainTextResponse: ...

    for mark in marks:
        endpoint = mark(endpoint)
    return Route(path, endpoint, methods=["POST"])


@pytest.fixture
def entries(idp: Any, clients: Any) -> Any:
    """The routes of an app with every way to say who may come in."""
    ops = sensitive(scopes="ops")(Router([a_route("/restart", sensitive(max_age=90, acr=["phr", "phrh"]))]))
    own = secure(Starlette(), SecurityPolicy.web(hosts=["a.example"]))
    app = Starlette(
        routes=[
            a_route("/orders", sensitive(scopes="orders:read orders:list")),
            a_route("/batch", sensitive(client_certificate=["dns:a.example", "dns:b.example"], bound="mtls")),
            a_route("/any", sensitive(client_certificate=True)),
            a_route("/admin/login", public(reason="people log in here", overrides="prefix")),
            a_route("/admin/users"),
            a_route("/health", public(reason="load balancer | probe\n")),
            a_route("/forgotten"),
            Mount("/ops", app=ops),
            Mount("/files", app=public(reason="files for everyone")(raw)),
            Mount("/own", app=own),
        ]
    )
    policy = SecurityPolicy.api(
        hosts=["api.example.com"],
        tokens=idp.tokens(),
        client_certificates=clients.policy,
        marks={"/admin/": sensitive(scopes="admin")},
    )
    return stack_of(secure(app, policy)).entries()


def test_text(entries: Any) -> None:
    """One line a route: what it needs, who said so, what runs; a line that would stop the start says why."""
    head, rule, *lines, empty, summary = rendered(entries, "text").splitlines()
    assert head.split() == ["METHODS", "PATH", "NEEDS", "SET", "BY", "ENDPOINT"]
    assert set(rule) == {" ", "-"}
    assert empty == ""
    columns = [0, *(number for number in range(3, len(rule)) if rule[number - 2 : number + 1] == "  -")]
    told = lines.index("    ! carries neither @sensitive nor @public")
    del lines[told]
    assert "/forgotten" in lines[told - 1]
    cells = [tuple(line[a:b].strip() for a, b in zip(columns, [*columns[1:], None], strict=True)) for line in lines]
    assert [cell[:4] for cell in cells] == [
        ("POST", "/orders", "token orders:read orders:list", "route"),
        (
            "POST",
            "/batch",
            "token, bound to the certificate (mtls), certificate dns:a.example or dns:b.example",
            "route",
        ),
        ("POST", "/any", "certificate of any client", "route"),
        ("POST", "/admin/login", "public: people log in here", "route, over the prefix"),
        ("POST", "/admin/users", "token admin", "prefix /admin/"),
        ("POST", "/health", "public: load balancer | probe\\n", "route"),
        ("! POST", "/forgotten", "nothing: unmarked", "-"),
        ("POST", "/ops/restart", "token ops + token, login within 90 s, acr phr or phrh", "router /ops, route"),
        ("*", "/files/*", "public: files for everyone", "mount"),
        ("*", "/own/*", "secured by its own policy", "mount"),
    ]
    assert all(line == line.rstrip() for line in lines)
    assert summary == "10 routes: 5 sensitive, 3 public, 1 own policy, 1 unmarked. 1 would stop the start-up."


def test_json(entries: Any) -> None:
    """The same for machines, with nothing left out."""
    data = {one["path"]: one for one in json.loads(rendered(entries, "json"))}
    assert data["/ops/restart"] == {
        "path": "/ops/restart",
        "methods": ["POST"],
        "endpoint": f"{__name__}.a_route.<locals>.endpoint",
        "access": "sensitive",
        "asks": [
            {
                "token": True,
                "scopes": ["ops"],
                "bound": None,
                "max_age": None,
                "acr": [],
                "client_certificate": False,
            },
            {
                "token": True,
                "scopes": [],
                "bound": None,
                "max_age": 90.0,
                "acr": ["phr", "phrh"],
                "client_certificate": False,
            },
        ],
        "reason": None,
        "overrides": [],
        "set_by": ["router /ops", "route"],
        "problem": None,
        "waived": [],
    }
    assert data["/batch"]["asks"][0]["client_certificate"] == ["dns:a.example", "dns:b.example"]
    assert data["/admin/login"]["overrides"] == ["prefix"]
    assert data["/own/*"]["access"] == "own policy"
    assert data["/own/*"]["reason"] == "secured by its own policy"
    assert data["/forgotten"] | {"problem": ""} == {
        "path": "/forgotten",
        "methods": ["POST"],
        "endpoint": f"{__name__}.a_route.<locals>.endpoint",
        "access": "unmarked",
        "asks": [],
        "reason": None,
        "overrides": [],
        "set_by": [],
        "problem": "",
        "waived": [],
    }


def test_markdown(entries: Any) -> None:
    """A table for a page; what would end a cell is escaped."""
    lines = rendered(entries, "md").splitlines()
    assert lines[:2] == ["| Methods | Path | Needs | Set by | Endpoint | Problem | Waived |", f"|{' --- |' * 7}"]
    assert r"public: load balancer \| probe\n |" in lines[7]
    assert lines[-1].startswith("10 routes: ")


def test_what_is_waived(entries: Any) -> None:
    """Each style says what a route leaves open on purpose, why, and until when."""
    end = date(2027, 1, 1)
    given = [
        Waiver(control="@dangerously_cross_origin", requirement="v5.0.0-3.5.1", reason="signed | by the partner"),
        Waiver(control="headers", requirement="v5.0.0-3.4.6", reason="partners frame this", expires=end),
    ]

    def waived(entry: Any) -> Any:
        return given if entry.path == "/any" else ()

    lines = rendered(entries, "text", waived=waived).splitlines()
    at = next(number for number, line in enumerate(lines) if " /any " in line)
    assert lines[at + 1 : at + 3] == [
        "    ~ waived v5.0.0-3.5.1 by @dangerously_cross_origin: signed | by the partner",
        "    ~ waived v5.0.0-3.4.6 by headers, until 2027-01-01: partners frame this",
    ]
    data = {one["path"]: one["waived"] for one in json.loads(rendered(entries, "json", waived=waived))}
    assert data.pop("/any")[1] == {
        "control": "headers",
        "requirement": "v5.0.0-3.4.6",
        "reason": "partners frame this",
        "expires": "2027-01-01",
    }
    assert not any(data.values())
    [row] = [line for line in rendered(entries, "md", waived=waived).splitlines() if "`/any`" in line]
    assert r"signed \| by the partner; waived v5.0.0-3.4.6 by headers, until 2027-01-01: partners frame this |" in row


@pytest.mark.parametrize(
    ("routes", "summary"),
    [
        pytest.param([], "0 routes.", id="none"),
        pytest.param([a_route("/x", sensitive())], "1 route: 1 sensitive.", id="one"),
    ],
)
def test_summary(routes: Any, summary: str, idp: Any) -> None:
    """The last line counts."""
    policy = SecurityPolicy.api(hosts=["api.example.com"], tokens=idp.tokens())
    assert rendered(stack_of(secure(Starlette(routes=routes), policy)).entries(), "text").splitlines()[-1] == summary


def test_an_own_policy_below_a_mark(idp: Any) -> None:
    """What is asked on the way is not all: whoever reads it is told that the policy inside may ask for more."""
    inner: Any = secure(Starlette(), SecurityPolicy.web(hosts=["a.example"]))
    policy = SecurityPolicy.api(hosts=["a.example"], tokens=idp.tokens(), marks={"/own/": sensitive(scopes="a")})
    entries = stack_of(secure(Starlette(routes=[Mount("/own", app=inner)]), policy)).entries()
    assert "token a + what its own policy asks for  prefix /own/, mount" in rendered(entries, "text")
    (data,) = json.loads(rendered(entries, "json"))
    assert (data["access"], data["reason"]) == ("sensitive", "secured by its own policy")
    assert data["set_by"] == ["prefix /own/", "mount"]
