"""Finds the steps of a migration that lose data or can fail on it, in the SQL as it is sent."""

from __future__ import annotations

import re

TOKEN = re.compile(
    r"(?P<comment>--[^\n]*|/\*.*?\*/)|(?P<string>[eE]?'(?:[^'\\]|''|\\.)*')"
    r"|(?P<dollar>\$(?P<tag>\w*)\$(?P<body>.*?)\$(?P=tag)\$)|(?P<end>;)",
    re.DOTALL,
)
NAME = r"[\w.\"%]+"
RULES: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (label, re.compile(pattern, re.IGNORECASE | re.DOTALL))
    for label, pattern in (
        ("drops a table", rf"\bDROP\s+TABLE\s+(?:IF\s+EXISTS\s+)?(?P<what>{NAME})"),
        ("drops a schema", rf"\bDROP\s+SCHEMA\s+(?:IF\s+EXISTS\s+)?(?P<what>{NAME})"),
        ("drops a column", rf"\bDROP\s+COLUMN\s+(?:IF\s+EXISTS\s+)?(?P<what>{NAME})"),
        ("changes a type", rf"\bALTER\s+(?:COLUMN\s+)?(?P<what>{NAME})\s+(?:SET\s+DATA\s+)?TYPE\b"),
        ("alters a type", rf"\bALTER\s+TYPE\s+(?P<what>{NAME})"),
        ("adds NOT NULL", rf"\bALTER\s+(?:COLUMN\s+)?(?P<what>{NAME})\s+SET\s+NOT\s+NULL\b"),
        ("adds NOT NULL", rf"\bADD\s+COLUMN\s+(?P<what>{NAME})(?![^,;]*\bDEFAULT\b)(?![^,;]*\bGENERATED\b)[^,;]*\bNOT\s+NULL\b"),
        ("empties a table", rf"\bTRUNCATE\s+(?!ON\b)(?:TABLE\s+)?(?:ONLY\s+)?(?P<what>{NAME})"),
        ("deletes all rows", rf"\bDELETE\s+FROM\s+(?:ONLY\s+)?(?P<what>{NAME})(?!.*\bWHERE\b)"),
        ("updates all rows", rf"\bUPDATE\s+(?:ONLY\s+)?(?P<what>{NAME})\s+SET\b(?!.*\bWHERE\b)"),
    )
)
ROUTINE = re.compile(r"\s*CREATE\s+(?:OR\s+REPLACE\s+)?(?:FUNCTION|PROCEDURE|TRIGGER|RULE|POLICY)\b", re.IGNORECASE)
PRIVILEGES = re.compile(r"\s*(?:GRANT|REVOKE|COMMENT)\b", re.IGNORECASE)


def destructive_steps(script: str) -> list[str]:
    """One line per destructive step of a script, e.g. ``drops a table: public.old``. Bodies of functions are not steps."""
    steps: list[str] = []
    for statement, bodies in _statements(script):
        if ROUTINE.match(statement) or PRIVILEGES.match(statement):
            continue
        for label, pattern in RULES:
            steps += [f"{label}: {match['what']}" for match in pattern.finditer(statement)]
        for body in bodies:  # of a DO block: what it runs is run now, dynamic SQL in strings too
            steps += _steps_of_block(body)
    return list(dict.fromkeys(steps))


def _steps_of_block(body: str) -> list[str]:
    """The steps of a DO body: its statements, and what its strings hold."""
    steps = destructive_steps(body)
    for match in TOKEN.finditer(body):
        if match["string"]:
            steps += destructive_steps(match["string"].strip("eE").strip("'").replace("''", "'"))
    return steps


def _statements(script: str) -> list[tuple[str, list[str]]]:
    """The statements without comments and literals, each with its dollar-quoted bodies."""
    statements: list[tuple[str, list[str]]] = []
    bodies: list[str] = []
    text, position = "", 0
    for match in TOKEN.finditer(script):
        text += script[position : match.start()]
        position = match.end()
        if match["end"]:
            statements.append((text, bodies))
            text, bodies = "", []
        elif match["dollar"]:
            bodies.append(match["body"])
            text += " '' "
        else:
            text += " " if match["comment"] else " '' "
    statements.append((text + script[position:], bodies))
    return [(text, bodies) for text, bodies in statements if text.strip()]
