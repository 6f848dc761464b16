"""The tour: real requests, good and hostile, each with what has to come back."""

from collections.abc import Iterable
from dataclasses import dataclass

from ..settings import Settings
from . import good, hostile_http, hostile_tls, outbound
from .customer import Customer, Step


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a step was to show and what it showed."""

    step: Step
    seen: str

    @property
    def as_expected(self) -> bool:
        """Whether the two agree, to the letter."""
        return self.seen == self.step.expected


def take_tour(settings: Settings) -> list[Outcome]:
    """Take every step and print it as it is taken: its name, what was expected, and beside it what was seen."""
    customer = Customer(settings)
    steps = list(_steps(settings))
    name, expected = (max(map(len, column)) for column in zip(*((s.name, s.expected) for s in steps), strict=True))
    print(f"{'':13} {'':{name}}  {'expected':{expected}}  seen")
    outcomes = []
    for number, step in enumerate(steps, 1):
        outcome = Outcome(step, _taken(step, customer))
        outcomes.append(outcome)
        verdict = "ok  " if outcome.as_expected else "FAIL"
        print(
            f"[{number:2}/{len(steps)}] {verdict} {step.name:{name}}  {step.expected:{expected}}  {outcome.seen}",
            flush=True,
        )
    return outcomes


def _steps(settings: Settings) -> Iterable[Step]:
    for part in (good, hostile_http, hostile_tls, outbound):
        yield from part.steps(settings)


def _taken(step: Step, customer: Customer) -> str:
    try:
        return step.take(customer)
    except Exception as error:  # noqa: BLE001  # A step that breaks is one that differs; the tour goes on.
        return f"{type(error).__name__}: {error}"
