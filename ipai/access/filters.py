"""Filters that the lists of the API share."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django.forms import ValidationError
from django_filters import rest_framework as filters
from django_filters.fields import IsoDateTimeField
from drf_spectacular.utils import extend_schema_field


def in_utc(moment: datetime) -> datetime:
    """The same moment in UTC. Raises OverflowError at the ends of the calendar.

    PostgreSQL refuses offsets of 16 hours and more, which ISO 8601 and Python allow.
    """
    return moment.astimezone(UTC)


@extend_schema_field({"type": "boolean"})
class YesOrNoFilter(filters.TypedChoiceFilter):
    """``?is_enabled=true`` or ``false``; anything else is an error (django-filter's own takes it for no filter)."""

    def __init__(self, **kwargs: Any) -> None:
        choices = [("true", "true"), ("false", "false")]
        super().__init__(choices=choices, coerce=lambda value: value == "true", empty_value=None, **kwargs)


class MomentField(IsoDateTimeField):
    """An ISO 8601 moment, in UTC."""

    def clean(self, value: Any) -> datetime | None:
        moment = super().clean(value)
        try:
            return None if moment is None else in_utc(moment)
        except OverflowError:
            raise ValidationError("This moment is out of range") from None


class MomentFilter(filters.IsoDateTimeFilter):
    """``?queued_after=2026-01-31T10:00:00Z``."""

    field_class = MomentField
