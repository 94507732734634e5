"""PostgreSQL's catalogue: which tables exist, and which type each column gets in bronze."""

from collections.abc import Callable
from typing import Final

from vai_records.lake.bronze_types import WIDEST_DECIMAL
from vai_worker.sql.relations import Column, Form

RELATIONS: Final = """
SELECT n.nspname, c.relname, (c.relkind IN ('v', 'm'))::text,
    CASE WHEN c.relkind IN ('r', 'm') THEN pg_relation_size(c.oid)
         WHEN c.relkind = 'p' THEN (SELECT sum(pg_relation_size(t.relid)) FROM pg_partition_tree(c.oid) t) END::text,
    CASE WHEN c.reltuples >= 0 THEN c.reltuples::bigint END::text, row_security_active(c.oid)::text,
    (c.relkind IN ('r', 'p'))::text
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = coalesce($1, current_schema()) AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition
ORDER BY c.relname
"""

COLUMNS: Final = """
WITH RECURSIVE base(attnum, oid, typmod) AS (
    SELECT a.attnum, a.atttypid, a.atttypmod
    FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = $1 AND c.relname = $2 AND a.attnum > 0 AND NOT a.attisdropped
    UNION ALL
    SELECT b.attnum, t.typbasetype, CASE WHEN t.typtypmod = -1 THEN b.typmod ELSE t.typtypmod END
    FROM base b JOIN pg_type t ON t.oid = b.oid WHERE t.typtype = 'd'
)
SELECT a.attname, (NOT a.attnotnull)::text, t.typname, t.typtype::text, t.typcategory::text, b.typmod::text,
    format_type(t.oid, -1)
FROM base b JOIN pg_type t ON t.oid = b.oid AND t.typtype <> 'd'
JOIN pg_class c ON c.relname = $2 JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = $1
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = b.attnum
ORDER BY a.attnum
"""

KEY: Final = """
SELECT (SELECT json_agg(a.attname ORDER BY k.place) FROM unnest(i.indkey::smallint[]) WITH ORDINALITY k(number, place)
        JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number WHERE k.place <= i.indnkeyatts)::text
FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = $1 AND c.relname = $2 AND i.indisunique AND i.indisvalid AND i.indpred IS NULL
  AND i.indexprs IS NULL AND NOT EXISTS (
      SELECT FROM pg_attribute a WHERE a.attrelid = i.indrelid AND a.attnum = ANY(i.indkey) AND NOT a.attnotnull)
ORDER BY i.indisprimary DESC, i.indnkeyatts, i.indexrelid LIMIT 1
"""

_FORMS: Final = {
    "bool": Form.BOOL,
    "int2": Form.WHOLE,
    "int4": Form.WHOLE,
    "int8": Form.WHOLE,
    "oid": Form.WHOLE,
    "float4": Form.SINGLE,
    "float8": Form.DOUBLE,
    "numeric": Form.NUMBER,
    "money": Form.NUMBER,
    "date": Form.DATE,
    "timestamp": Form.LOCAL,
    "timestamptz": Form.INSTANT,
    "bytea": Form.HEX,
}
_SORTED_TEXTS: Final = frozenset(("text", "varchar", "bpchar", "name", "uuid", "citext", "inet", "macaddr", "time"))
_UNSORTED: Final = frozenset(("bool", "money"))


def column_of(row: tuple[str | None, ...], quoted: Callable[[str], str]) -> Column:
    """A column, made from a row of `COLUMNS`."""
    name, nullable, typname, typtype, category, typmod, kind = (str(value) for value in row)
    read = quoted(name)
    form = _FORMS.get(typname, Form.TEXT)
    precision = scale = 0
    if typname == "money":
        read += "::numeric"  # the server's own text depends on its locale
    elif category == "A" or typtype == "c":
        read = f"to_json({read})"
    elif form is Form.NUMBER and int(typmod) >= 4:
        precision, scale = (int(typmod) - 4) >> 16 & 0xFFFF, (((int(typmod) - 4) & 0x7FF) ^ 1024) - 1024
        if 0 <= scale <= precision <= WIDEST_DECIMAL:
            form = Form.DECIMAL
    sorts = typname in _SORTED_TEXTS or typtype == "e" or (typname in _FORMS and typname not in _UNSORTED)
    return Column(name, kind, form, read, nullable == "true", precision, scale, sorts)
