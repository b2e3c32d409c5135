"""The finder of destructive steps: what counts, and what only looks like it."""

from __future__ import annotations

import pytest

from ipai.lakehouse.destructive import destructive_steps


@pytest.mark.parametrize(
    ("script", "step"),
    [
        ("DROP TABLE public.old;", "drops a table: public.old"),
        ('drop table if exists "old" cascade', 'drops a table: "old"'),
        ("DROP SCHEMA ipai_gold_erp CASCADE", "drops a schema: ipai_gold_erp"),
        ('ALTER TABLE "t" DROP COLUMN "name" CASCADE;', 'drops a column: "name"'),
        ('ALTER TABLE "t" ALTER COLUMN "a" TYPE integer USING "a"::integer', 'changes a type: "a"'),
        ("ALTER TABLE t ALTER a SET DATA TYPE text", "changes a type: a"),
        ("ALTER TYPE mood RENAME VALUE 'a' TO 'b'", "alters a type: mood"),
        ("ALTER TABLE t ALTER COLUMN a SET NOT NULL", "adds NOT NULL: a"),
        ("ALTER TABLE t ADD COLUMN a integer NOT NULL", "adds NOT NULL: a"),
        ("TRUNCATE TABLE a", "empties a table: a"),
        ("TRUNCATE a", "empties a table: a"),
        ("DELETE FROM a", "deletes all rows: a"),
        ("UPDATE a SET b = 1", "updates all rows: a"),
        ("/* safe */ DROP -- really\n TABLE a", "drops a table: a"),
        ("SELECT ';'; DROP TABLE a", "drops a table: a"),
        ("DO $$ BEGIN DROP TABLE a; END $$", "drops a table: a"),
        ("DO $x$ BEGIN EXECUTE format('DROP TABLE %I', name); END $x$", "drops a table: %I"),
    ],
)
def test_a_destructive_step_is_found(script: str, step: str) -> None:
    assert destructive_steps(script) == [step]


@pytest.mark.parametrize(
    "script",
    [
        "-- DROP TABLE a",
        "/* TRUNCATE a; */ SELECT 1",
        "SELECT 'DROP TABLE a'",
        "DELETE FROM a WHERE id = 1",
        "UPDATE a SET b = 1 WHERE id = 1",
        "ALTER TABLE t ADD COLUMN a integer DEFAULT 0 NOT NULL",
        "ALTER TABLE t ADD COLUMN a integer NULL",
        "CREATE TABLE t (a integer NOT NULL)",
        "CREATE FUNCTION f() RETURNS void LANGUAGE sql AS $$ DELETE FROM a $$",
        "CREATE TRIGGER x BEFORE UPDATE OR DELETE OR TRUNCATE ON a FOR EACH STATEMENT EXECUTE FUNCTION f()",
        "REVOKE UPDATE, DELETE, TRUNCATE ON a FROM PUBLIC",
        "DO $$ BEGIN REVOKE DELETE, TRUNCATE ON a FROM b; END $$",
        "COMMENT ON TABLE a IS 'we never DROP TABLE a'",
    ],
)
def test_what_is_harmless_is_not(script: str) -> None:
    assert destructive_steps(script) == []
