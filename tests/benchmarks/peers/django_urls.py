"""The site of subjects.py as Django has it."""

from typing import Any

from django.http import HttpResponse, JsonResponse
from django.urls import path
from django.utils.csp import CSP
from django.views.decorators.csp import csp_override

from .subjects import CARELESS_COOKIE, OWN, page


async def page_with_nonce(request: Any) -> HttpResponse:
    from django.middleware.csp import get_nonce

    return HttpResponse(page(str(get_nonce(request))))


async def json(request: Any) -> HttpResponse:
    return JsonResponse({})


async def own(request: Any) -> HttpResponse:
    answer = HttpResponse("x", headers=OWN)
    name, value = CARELESS_COOKIE.split("=")
    answer.set_cookie(name, value)
    return answer


async def boom(request: Any) -> HttpResponse:
    raise RuntimeError("boom")


@csp_override({"default-src": [CSP.NONE]})
async def differs(request: Any) -> HttpResponse:
    return JsonResponse({})


urlpatterns = [
    path("page", page_with_nonce),
    path("json", json),
    path("own", own),
    path("boom", boom),
    path("differs", differs),
]
