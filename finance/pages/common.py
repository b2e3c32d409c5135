"""What the pages share: reading under the viewer's rights, whose figures are shown, and what the address asks for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Concatenate, Literal, ParamSpec

from django.db import OperationalError
from django.db.backends.utils import CursorWrapper
from django.http import Http404, HttpRequest, HttpResponse

from finance.api.parameters import a_date
from finance.pages.band import band
from finance.periods import DAY, Period
from finance.scope import Company, Group, UnknownCurrency, companies, groups
from ipai.access.problems import Problem
from ipai.access.sessions import claims_for, governed
from ipai.clock import now
from ipai.observability.console.listing import address
from ipai.observability.console.pages import person, render

TABS = (
    ("finance", "Overview"),
    ("finance_profit_and_loss", "Profit and loss"),
    ("finance_balance_sheet", "Balance sheet"),
    ("finance_cashflow", "Cash flow"),
    ("finance_trial_balance", "Trial balance"),
    ("finance_ageing", "Ageing"),
    ("finance_reconciliation", "Reconciliation"),
)
P = ParamSpec("P")


@dataclass(frozen=True, slots=True)
class Books:
    """The companies that the viewer may choose from, those chosen, and the currency that all is converted into, if any."""

    listed: Sequence[Company]
    chosen: Sequence[Company]
    currency: str | None
    today: date

    @property
    def year_end(self) -> tuple[int, int]:
        """The end of the fiscal year, of the first chosen company where they differ."""
        return self.chosen[0].year_end

    @property
    def currencies(self) -> list[str]:
        """What the viewer may convert into."""
        return sorted({company.currency for company in self.listed})

    def groups(self, cursor: CursorWrapper, day: date) -> list[Group]:
        """The companies to add up, at the rates of the day."""
        try:
            return groups(cursor, self.chosen, day, self.currency)
        except UnknownCurrency:
            raise Http404("A connector does not know this currency") from None

    def company(self, name: str, identity: int) -> Company | None:
        """A listed company by its connector's name and id."""
        return next((one for one in self.listed if (one.connector, one.id) == (name, identity)), None)

    def choice(self, company: Company) -> str:
        """What stands for a company in an address: its id, with its connector where the id alone is not enough."""
        return f"{company.id}@{company.connector}" if sum(one.id == company.id for one in self.listed) > 1 else str(company.id)


Reader = Callable[Concatenate[HttpRequest, CursorWrapper, Books, P], Mapping[str, Any] | HttpResponse]


def shown(
    template: str, title: str, trail: bool = True
) -> Callable[[Reader[P]], Callable[Concatenate[HttpRequest, P], HttpResponse]]:
    """A page whose context is read in one governed session of the viewer; ``entries`` of it prove the figures.

    Says what to do when there is no ledger, and answers 503 when the database takes too long. A reader may answer by itself.
    """

    def wrap(reader: Reader[P]) -> Callable[Concatenate[HttpRequest, P], HttpResponse]:
        def view(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
            around = [("Finance", "/finance/")] if trail else []
            try:
                with governed(claims_for(person(request))) as cursor:
                    found = companies(cursor)
                    if not found:
                        return render(request, "finance/empty.html", title, {"tabs": TABS}, trail=around)
                    books = Books(found, chosen(request, found), request.GET.get("currency") or None, now().date())
                    context = reader(request, cursor, books, *args, **kwargs)
                    if isinstance(context, HttpResponse):
                        return context
            except OperationalError:
                return render(request, "finance/unavailable.html", title, {"tabs": TABS}, trail=around, status=503)
            more = {"tabs": TABS, "kept": carried(request), "books": books, "picks": _picks(request, books)}
            return render(request, template, title, {**more, "band": band(context.get("entries", ())), **context}, trail=around)

        view.__name__, view.__doc__ = reader.__name__, reader.__doc__
        return view

    return wrap


def chosen(request: HttpRequest, found: Sequence[Company]) -> Sequence[Company]:
    """The company that the address names, ``7`` or ``7@connector``; all of them without one."""
    asked = request.GET.get("company", "")
    if not asked:
        return found
    identity, _, connector = asked.partition("@")
    named = [one for one in found if str(one.id) == identity and connector in ("", one.connector)]
    if not named:
        raise Http404("There is no such company with figures that you may see")
    return named


def _picks(request: HttpRequest, books: Books) -> dict[str, Any]:
    """The choices of company and currency; none where there is nothing to choose."""
    several = len({one.connector for one in books.listed}) > 1
    listed = [
        {
            "value": books.choice(one),
            "label": f"{one.name} · {one.currency}{f' · {one.connector}' if several else ''}",
            "chosen": bool(request.GET.get("company")) and one in books.chosen,
        }
        for one in books.listed
    ]
    return {"companies": listed if len(listed) > 1 else [], "currencies": books.currencies if len(books.currencies) > 1 else []}


def carried(request: HttpRequest) -> str:
    """What another tab keeps of this address: whose figures, and which days."""
    kept = {"company", "currency", "range", "from", "to", "as_of", "compare"}
    rest = [name for name in request.GET if name not in kept]
    return address(request, **dict.fromkeys(rest))


def a_day(request: HttpRequest, name: str, default: date) -> date:
    """A date of the address; the default for anything else."""
    try:
        return a_date({name: value} if (value := request.GET.get(name)) else {}, name, default)
    except Problem:
        return default


def a_word(request: HttpRequest, name: str, words: Sequence[str], default: str = "") -> str:
    """One of these words of the address; the default for anything else."""
    value = request.GET.get(name, default)
    return value if value in words else default


def export_form(request: HttpRequest) -> Literal["csv", "xlsx"] | None:
    """Whether the page is asked for as a file, and which."""
    form = request.GET.get("format")
    return "csv" if form == "csv" else "xlsx" if form == "xlsx" else None


def days_of(period: Period) -> str:
    """``1 Jan – 25 Nov 2026``; whole months and years by their names."""
    first, last = period.first, period.last
    if first.day == 1 and (last + DAY).day == 1:
        return _months_of(first, last)
    if first == last:
        return day_of(last)
    if first.year == last.year:
        return f"{first.day} {first:%b} – {day_of(last)}"
    return f"{day_of(first)} – {day_of(last)}"


def _months_of(first: date, last: date) -> str:
    """``Feb 2026``, ``Jan – Mar 2026`` or ``2026``."""
    if (first.year, first.month, last.month) == (last.year, 1, 12):
        return str(last.year)
    if (first.year, first.month) == (last.year, last.month):
        return f"{last:%b} {last.year}"
    return f"{first:%b}{f' {first.year}' if first.year != last.year else ''} – {last:%b} {last.year}"


def day_of(day: date) -> str:
    """``25 Nov 2026``."""
    return f"{day.day} {day:%b} {day.year}"
