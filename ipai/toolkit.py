"""Where apps meet without importing each other: MCP tools that any app offers, what follows a load, writing to a vendor.

An app declares them in its ``tools.py``, which is found by itself.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, get_type_hints
from uuid import UUID

from django.utils.module_loading import autodiscover_modules
from pydantic import BaseModel, ConfigDict, create_model

log = logging.getLogger(__name__)

OPERATIONS = ("read", "write", "transform", "schedule")
Function = Callable[..., Any]


class ToolMistake(TypeError):
    """A tool is declared wrongly: a mistake in the code, told when it is loaded."""


@dataclass(frozen=True, slots=True)
class Tool:
    """What an agent may call. ``schemas`` and ``operations`` are what its scope must hold."""

    name: str
    description: str
    schemas: tuple[str, ...]
    operations: tuple[str, ...]
    function: Function
    arguments: type[BaseModel]

    @property
    def input_schema(self) -> dict[str, Any]:
        """The arguments as JSON Schema."""
        return self.arguments.model_json_schema()

    def call(self, cursor: Any, arguments: Mapping[str, Any]) -> Any:
        """Run it with a cursor that holds the caller's rights. Raises pydantic's ValidationError for wrong arguments."""
        given = self.arguments.model_validate(dict(arguments))
        return self.function(cursor, **{name: getattr(given, name) for name in given.model_fields_set})


@dataclass(frozen=True, slots=True)
class Load:
    """Rows that a run or a batch of deliveries committed into a medallion schema; ``was_read``: a run read it all."""

    schema: str
    tenant_id: UUID
    connector_id: UUID
    was_read: bool = False


@dataclass(frozen=True, slots=True)
class Write:
    """What somebody asks a connector to write to its vendor: an action such as ``reconcile`` and its plain JSON payload."""

    action: str
    tenant_id: UUID
    connector_id: UUID
    actor: str
    payload: Mapping[str, Any]


class NotWritable(Exception):
    """Nothing was written; the message says why, and what to do."""


_tools: dict[str, Tool] = {}
_writers: dict[str, Callable[[Write], str]] = {}
_hooks: dict[str, list[Callable[[Load], None]]] = {}


def tool(*, schemas: tuple[str, ...], operations: tuple[str, ...] = ("read",), name: str = "") -> Callable[[Function], Function]:
    """Offer a function as a tool. It takes a cursor first; its other arguments, their types and its docstring are shown.

    Raises ToolMistake for a name that is taken, an unknown operation, or an argument without a type.
    """

    def register(function: Function) -> Function:
        title = name or function.__name__
        description = inspect.getdoc(function) or ""
        known = _tools.get(title)
        if known and known.function.__module__ != function.__module__:
            raise ToolMistake(f"two tools are named {title}: {known.function.__module__} and {function.__module__}")
        if not description or not schemas or not operations or set(operations) - set(OPERATIONS):
            raise ToolMistake(f"the tool {title} needs a docstring, schemas and operations among {', '.join(OPERATIONS)}")
        _tools[title] = Tool(title, description, schemas, operations, function, _arguments(title, function))
        return function

    return register


def after_load(schema: str) -> Callable[[Callable[[Load], None]], Callable[[Load], None]]:
    """Call a function with the :class:`Load` after rows of this schema were committed; calling it twice must do no harm."""

    def register(function: Callable[[Load], None]) -> Callable[[Load], None]:
        _hooks.setdefault(schema, []).append(function)
        return function

    return register


def writer(action: str) -> Callable[[Callable[[Write], str]], Callable[[Write], str]]:
    """Offer to carry out an action. The function says in words what it wrote; it raises NotWritable where the connector does
    not allow writing or the vendor refuses.
    """

    def register(function: Callable[[Write], str]) -> Callable[[Write], str]:
        known = _writers.get(action)
        if known and known.__module__ != function.__module__:
            raise ToolMistake(f"two functions write {action}: {known.__module__} and {function.__module__}")
        _writers[action] = function
        return function

    return register


def write(wanted: Write) -> str:
    """Have an action carried out and return what was done, in words. Raises NotWritable."""
    autodiscover_modules("tools")
    if wanted.action not in _writers:
        raise NotWritable("No connector of this portal can write that to its vendor")
    return _writers[wanted.action](wanted)


def is_writable(action: str) -> bool:
    """Whether anything in this portal can carry out the action."""
    autodiscover_modules("tools")
    return action in _writers


def tools() -> Mapping[str, Tool]:
    """Every tool by its name."""
    autodiscover_modules("tools")
    return dict(sorted(_tools.items()))


def loaded(load: Load) -> None:
    """Tell who follows this schema. What goes wrong there is logged: the load itself stands."""
    autodiscover_modules("tools")
    for hook in _hooks.get(load.schema, ()):
        try:
            hook(load)
        except Exception:
            log.exception("What follows a load into %s failed (connector %s)", load.schema, load.connector_id)


def _arguments(title: str, function: Function) -> type[BaseModel]:
    """A model of the function's arguments after the cursor."""
    hints = get_type_hints(function, include_extras=True)
    fields: dict[str, Any] = {}
    for parameter in list(inspect.signature(function).parameters.values())[1:]:
        if parameter.name not in hints or parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            raise ToolMistake(f"the argument {parameter.name} of the tool {title} needs a type")
        fields[parameter.name] = (hints[parameter.name], ... if parameter.default is parameter.empty else parameter.default)
    return create_model(title, __config__=ConfigDict(extra="forbid"), **fields)
