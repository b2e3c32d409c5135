"""The form of a connector, built from its source's JSON Schema: a new source needs no form of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.urls import reverse_lazy

from connectors.contract import Source
from connectors.models import ConnectorConfig, Mode
from connectors.schema import Setting, alternatives, chosen_alternative, config_from, settings_of, shown_value
from ipai.access.models import Tenant, User

INPUT = {"class": "c-input"}
CODE = {"class": "c-input c-code", "rows": 3, "spellcheck": "false"}


class ConnectorForm(forms.Form):
    """Settings of one connector. ``config()`` and ``secrets()`` give what the services take.

    Errors of the services (``ConfigInvalid.fields``) go to their fields by ``show_problems``.
    """

    name = forms.CharField(
        max_length=100,
        widget=forms.TextInput(INPUT),
        help_text="Letters, digits, dot, - and _. Commands and the API use this name.",
    )
    schedule = forms.CharField(
        required=False,
        max_length=100,
        label="Schedule (cron, UTC)",
        widget=forms.TextInput(INPUT | {"placeholder": "0 6 * * *", "spellcheck": "false", "autocomplete": "off"}),
    )
    schedule_mode = forms.ChoiceField(
        choices=Mode.choices, initial=Mode.INCREMENTAL, label="Scheduled runs read", widget=forms.Select(INPUT)
    )
    freshness_target_minutes = forms.IntegerField(
        min_value=1,
        initial=1440,
        label="Freshness target (minutes)",
        widget=forms.NumberInput(INPUT),
        help_text="Data older than this is shown as late.",
    )
    owner = forms.ModelChoiceField(User.objects.none(), required=False, empty_label="Nobody", widget=forms.Select(INPUT))

    def __init__(
        self,
        source: type[Source],
        data: Mapping[str, Any] | None = None,
        *,
        tenants: list[Tenant],
        people: Any,
        connector: ConnectorConfig | None = None,
        initial: dict[str, Any] | None = None,
    ) -> None:
        self.source, self.connector = source, connector
        self.settings = settings_of(source.config_schema)
        self.choices = alternatives(source.config_schema)
        super().__init__(data, initial=_initial(connector, self.settings, source) | (initial or {}))
        self.fields["owner"].queryset = people  # type: ignore[attr-defined]
        if connector is None and len(tenants) > 1:
            choices = [(str(tenant.pk), tenant.name) for tenant in tenants]
            self.fields["tenant"] = forms.ChoiceField(choices=choices, widget=forms.Select(INPUT))
        if self.choices:
            listed = [(choice.key, choice.label) for choice in self.choices]
            self.fields["alternative"] = forms.ChoiceField(
                choices=listed, label="Read from", widget=forms.RadioSelect({"x-model": "alternative"})
            )
        for setting in self.settings:
            self.fields[f"config-{setting.name}"] = field_of(setting)
        for secret in source.secrets:
            self.fields[f"secret-{secret.name}"] = forms.CharField(
                required=False,
                label=secret.label,
                strip=False,
                widget=forms.PasswordInput(INPUT | {"autocomplete": "new-password"}, render_value=False),
            )

    def config(self) -> dict[str, Any]:
        """The config as the schema wants it: only the settings that the chosen alternative shows, empty ones left out."""
        values = {setting.name: self.cleaned_data.get(f"config-{setting.name}") for setting in self.settings}
        kept = dict(self.connector.config) if self.connector else {}
        return config_from(self.settings, values, self.cleaned_data.get("alternative", ""), kept)

    def secrets(self) -> dict[str, str]:
        """Secrets that were typed in; those left empty are not here and stay as they are."""
        found = {secret.name: self.cleaned_data.get(f"secret-{secret.name}") or "" for secret in self.source.secrets}
        return {name: value for name, value in found.items() if value}

    def show_problems(self, problems: Mapping[str, str]) -> None:
        """Put each problem beside its field; what has no field goes on top."""
        for place, message in problems.items():
            first = place.partition(".")[0]
            names = (place, f"config-{first}", place.replace("secrets.", "secret-", 1), first)
            self.add_error(next((name for name in names if name in self.fields), None), message)

    def main_fields(self) -> list[dict[str, Any]]:
        """Settings that every connector of this source has to look at."""
        return [row for row in self._rows() if not row["setting"].advanced]

    def advanced_fields(self) -> list[dict[str, Any]]:
        """Settings that may be left alone."""
        return [row for row in self._rows() if row["setting"].advanced]

    def secret_fields(self) -> list[dict[str, Any]]:
        """The write-only fields, with the alternatives that need them (none: all)."""
        found = []
        for secret in self.source.secrets:
            branches = [choice.key for choice in self.choices if secret.name in choice.names]
            wanted = secret.required and self.connector is None
            found.append({"name": secret.name, "field": self[f"secret-{secret.name}"], "branches": branches, "wanted": wanted})
        return found

    def _rows(self) -> list[dict[str, Any]]:
        return [
            {"setting": setting, "field": self[f"config-{setting.name}"], "branches": list(setting.branches)}
            for setting in self.settings
        ]


class PairsField(forms.CharField):
    """Lines of ``name = text`` as a dictionary."""

    def to_python(self, value: Any) -> Any:
        """The pairs; empty lines say nothing. A line that is no pair, or a name given twice, is named."""
        found: dict[str, str] = {}
        for number, line in enumerate(str(value or "").splitlines(), 1):
            name, equals, text = (part.strip() for part in line.partition("="))
            if not name and not equals:
                continue
            if not (name and text):
                example = self.widget.attrs.get("placeholder") or "name = value"
                raise forms.ValidationError(f"Line {number}, “{line.strip()}”: write it like {example}")
            if name in found:
                raise forms.ValidationError(f"Line {number}: {name} is there twice")
            found[name] = text
        return found


def field_of(setting: Setting) -> forms.Field:
    """The form field that fits a setting. Whether it is required is the schema's business, once the alternative is known."""
    common: dict[str, Any] = {"label": setting.label, "help_text": setting.help, "required": False}
    attrs = INPUT | ({"placeholder": setting.placeholder} if setting.placeholder else {})
    match setting.kind:
        case "boolean":
            return forms.BooleanField(**common)
        case "integer":
            return forms.IntegerField(
                **common, min_value=setting.minimum, max_value=setting.maximum, widget=forms.NumberInput(attrs)
            )
        case "number":
            return forms.FloatField(**common, widget=forms.NumberInput(attrs | {"step": "any"}))
        case "choice":
            choices = [
                ("", "Automatic" if setting.default is None else f"Default ({setting.default})"),
                *((str(one), str(one)) for one in setting.choices),
            ]
            return forms.ChoiceField(**common, choices=choices, widget=forms.Select(attrs))
        case "list":
            common["help_text"] = f"{setting.help} One per line.".strip()
            return forms.CharField(**common, strip=False, widget=forms.Textarea(attrs | {"rows": 3}))
        case "many":
            listed = [(one, str(one)) for one in setting.choices]
            return forms.MultipleChoiceField(**common, choices=listed, widget=forms.CheckboxSelectMultiple())
        case "pairs":
            common["help_text"] = f"{setting.help} One per line.".strip()
            return PairsField(**common, widget=forms.Textarea(CODE | {"placeholder": setting.placeholder}))
        case "json":
            common["help_text"] = f"{setting.help} JSON.".strip()
            return forms.JSONField(**common, widget=forms.Textarea(CODE))
        case _:
            return forms.CharField(
                **common, strip=setting.name != "delimiter", widget=forms.TextInput(attrs | {"spellcheck": "false"})
            )


def _initial(connector: ConnectorConfig | None, settings: list[Setting], source: type[Source]) -> dict[str, Any]:
    """What the form shows first: the connector's settings, or the schema's defaults."""
    config = connector.config if connector else {}
    found: dict[str, Any] = {f"config-{setting.name}": shown_value(setting, config) for setting in settings}
    found["alternative"] = chosen_alternative(source.config_schema, config)
    if connector is not None:
        found |= {
            "name": connector.name,
            "schedule": connector.schedule,
            "schedule_mode": connector.schedule_mode,
            "freshness_target_minutes": connector.freshness_target_minutes,
            "owner": connector.owner_id,
        }
    return found


UPLOAD_URL = reverse_lazy("admin:connector_upload")
