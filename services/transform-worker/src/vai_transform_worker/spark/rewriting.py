"""Changes what sqlglot would leave as it is, or write in a way that gives other rows in Spark than in DuckDB.

What cannot be changed so that the rows are the same is refused here, or is not in `functions.txt`.
"""

import re
from collections.abc import Mapping
from typing import Any

import sqlglot
from sqlglot import exp
from sqlglot.dialects.spark import Spark

from vai_transform_worker.query.safety import refused

ADVICE = 'write it in another way, or take engine "duckdb"'


def not_here(what: str) -> Exception:
    """The error for something that Spark does in another way, or not at all."""
    return refused(f"{what}: Spark does not do this as DuckDB does: {ADVICE}")


def changed(tree: exp.Expression, tables: Mapping[str, str]) -> exp.Expression:
    """The tree with the changes, and with the views of `tables` in place of their names."""
    for node in reversed(list(tree.walk())):  # what is inside first: what is around copies it
        if isinstance(node, exp.Table):
            _rename(node, tables)
        made = _CHANGES[type(node)](node) if type(node) in _CHANGES else None
        if made is not None:
            if node is tree:
                tree = made
            node.replace(made)
    return tree


def _rename(table: exp.Table, tables: Mapping[str, str]) -> None:
    name = ".".join(part for part in (table.db, table.name) if part).lower()
    view = tables.get(name)
    if view is not None:
        alias = table.alias or table.name
        table.set("db", None)
        table.set("this", exp.to_identifier(view, quoted=True))
        if not table.args.get("alias"):
            table.set("alias", exp.TableAlias(this=exp.to_identifier(alias, quoted=True)))


def _called(name: str, *given: Any) -> exp.Expression:
    return exp.Anonymous(this=name, expressions=[each.copy() for each in given if each is not None])


def _double(node: exp.Expression) -> exp.Expression:
    return exp.cast(node.copy(), "DOUBLE", dialect="spark")


def _or_null(node: exp.Expression) -> exp.Expression:
    return _called("NULLIF", node, exp.Literal.number(0))


def _divided(node: exp.Div) -> exp.Expression:
    """DuckDB divides as DOUBLE, decimals too."""
    return exp.paren(exp.Div(this=_double(node.this), expression=_double(node.expression)), copy=False)


def _whole(node: exp.IntDiv) -> exp.Expression:
    return exp.paren(exp.IntDiv(this=exp.paren(node.this.copy()), expression=_or_null(node.expression)), copy=False)


def _rest(node: exp.Mod) -> exp.Expression:
    return exp.paren(exp.Mod(this=exp.paren(node.this.copy()), expression=_or_null(node.expression)), copy=False)


def _log(node: exp.Log) -> exp.Expression | None:
    """`log` is the one to the base of 10."""
    return None if node.expression else _called("LOG10", node.this)


def _mean(node: exp.Avg) -> exp.Expression | None:
    """Of decimals, Spark would give a decimal with few digits."""
    inner = node.this
    if isinstance(inner, exp.Distinct) or (isinstance(inner, exp.Cast) and inner.is_type("double")):
        return None
    return exp.Avg(this=_double(inner))


def _cast(node: exp.Cast) -> exp.Expression | None:
    """Spark cuts what stands behind the point, DuckDB rounds it: a number that has something there is an error."""
    if node.to.this not in _WHOLE_TYPES or isinstance(node.this, exp.Literal | exp.Null):
        return None
    value, kind = node.this, node.to
    if isinstance(value, exp.Round | exp.Count | exp.Boolean):
        return None
    plain = exp.Cast(this=value.copy(), to=kind.copy())
    said = "vai: a number with decimals is CAST to a whole one: write round(…) around it"
    # nine digits tell whether rounding and cutting give another number; a BOOLEAN and a text can be compared so, too
    has_decimals = exp.NEQ(this=_finely(value), expression=_finely(plain))
    return exp.Case(
        ifs=[exp.If(this=has_decimals, true=_called("RAISE_ERROR", exp.Literal.string(said)))], default=plain.copy()
    )


def _finely(node: exp.Expression) -> exp.Expression:
    return exp.cast(node.copy(), "DECIMAL(38, 9)", dialect="spark")


def _replaced(node: exp.RegexpReplace) -> exp.Expression:
    """DuckDB replaces the first match unless it is told `g`, Spark all of them; groups are called otherwise."""
    modifiers, new = node.args.get("modifiers"), node.args.get("replacement")
    if not (isinstance(modifiers, exp.Literal) and modifiers.this == "g"):
        raise not_here("regexp_replace without 'g'")
    if not isinstance(new, exp.Literal) or set(str(new.this)) & set("$" + chr(92)):
        raise not_here("regexp_replace with groups in what it puts there")
    return _called("REGEXP_REPLACE", node.this, node.expression, new)


def _split(node: exp.Split) -> exp.Expression:
    if not isinstance(node.expression, exp.Literal) or not node.expression.this:
        raise not_here("string_split by anything but a text")
    plain = re.sub(r"([^A-Za-z0-9])", chr(92) * 2 + r"\1", str(node.expression.this))
    return _called("SPLIT", node.this, exp.Literal.string(plain), exp.Literal.number(-1))


def _of_json(node: exp.JSONExtractScalar) -> exp.Expression:
    path = Spark.Generator(dialect=Spark()).generate(node.expression).strip("'")
    return _called("GET_JSON_OBJECT", node.this, exp.Literal.string(path))


def _part(node: exp.Extract) -> exp.Expression:
    name = node.this.name.lower()
    if name not in _PARTS:
        raise not_here(f"extract({name} FROM …)")
    return _called(_PARTS[name], node.expression)


def _anonymous(node: exp.Anonymous) -> exp.Expression | None:
    """Functions that sqlglot does not know and leaves as they are."""
    name, given = str(node.this).lower(), node.expressions
    if name in ("date_part", "datepart") and len(given) == 2:
        return _part(exp.Extract(this=exp.var(given[0].name), expression=given[1].copy()))
    return _called(_OTHER_NAMES[name], *given) if name in _OTHER_NAMES else None


def _difference(node: exp.DateDiff) -> exp.Expression:
    """DuckDB counts how many boundaries lie between, Spark whole units."""
    unit = str(node.args.get("unit") or "day").strip("'").lower()
    first, last = (exp.cast(each.copy(), "DATE", dialect="spark") for each in (node.expression, node.this))
    years = exp.Sub(this=_called("YEAR", last), expression=_called("YEAR", first))
    if unit == "day":
        return _called("DATEDIFF", last, first)
    if unit == "year":
        return exp.paren(years)
    if unit == "month":
        months = exp.Sub(this=_called("MONTH", last), expression=_called("MONTH", first))
        return exp.paren(
            exp.Add(
                this=exp.Mul(this=exp.paren(years), expression=exp.Literal.number(12)), expression=exp.paren(months)
            )
        )
    raise not_here(f"date_diff of {unit}s")


def _pattern(node: exp.Expression) -> exp.Expression | None:
    """A backslash is a letter for DuckDB's LIKE."""
    if not isinstance(node.expression, exp.Literal):
        raise not_here("LIKE with a pattern that is no literal")
    if chr(92) in str(node.expression.this):
        node.set("expression", exp.Literal.string(str(node.expression.this).replace(chr(92), chr(92) * 2)))
    return None


def _element(node: exp.Bracket) -> exp.Expression | None:
    (index,) = node.expressions if len(node.expressions) == 1 else (None,)
    if isinstance(index, exp.Literal) and index.is_string:
        return _called("TRY_ELEMENT_AT", node.this, index)
    sign, number = (-1, index.this) if isinstance(index, exp.Neg) else (1, index)
    if not isinstance(number, exp.Literal) or number.is_string:
        raise not_here("a slice, or an index that is no number,")
    return _called("TRY_ELEMENT_AT", node.this, exp.Literal.number(sign * int(str(number.this)) + 1))


def _wrapped(before: str, behind: str = "") -> Any:
    """A function around the first argument, and what follows it."""

    def made(node: exp.Expression) -> exp.Expression:
        return exp.paren(
            sqlglot.parse_one(f"{before}vai_value{behind}", read="spark").transform(
                lambda each: node.this.copy() if isinstance(each, exp.Column) and each.name == "vai_value" else each
            )
        )

    return made


def _map(node: exp.ToMap) -> exp.Expression:
    pairs = node.this.expressions
    if not all(isinstance(pair, exp.PropertyEQ) for pair in pairs):
        raise not_here("such a MAP")
    return _called("MAP", *(each for pair in pairs for each in (pair.this, pair.expression)))


def _refuse(what: str) -> Any:
    def made(node: exp.Expression) -> exp.Expression:
        raise not_here(what)

    return made


_WHOLE_TYPES = {
    *(exp.DataType.Type.INT, exp.DataType.Type.BIGINT, exp.DataType.Type.SMALLINT, exp.DataType.Type.TINYINT),
    *(exp.DataType.Type.UINT, exp.DataType.Type.USMALLINT, exp.DataType.Type.UTINYINT),
}
_PARTS = {
    "year": "YEAR",
    "month": "MONTH",
    "day": "DAY",
    "hour": "HOUR",
    "minute": "MINUTE",
    "second": "SECOND",
    "quarter": "QUARTER",
    "week": "WEEKOFYEAR",
    "doy": "DAYOFYEAR",
}
_OTHER_NAMES = {
    "error": "RAISE_ERROR",
    "array_length": "SIZE",
    "list_reverse": "REVERSE",
    "prefix": "STARTSWITH",
    "suffix": "ENDSWITH",
}
_CHANGES: dict[type, Any] = {
    exp.Anonymous: _anonymous,
    exp.Div: _divided,
    exp.IntDiv: _whole,
    exp.Mod: _rest,
    exp.Avg: _mean,
    exp.Log: _log,
    exp.Cast: _cast,
    exp.RegexpReplace: _replaced,
    exp.Split: _split,
    exp.JSONExtractScalar: _of_json,
    exp.JSONExtract: _refuse("->"),
    exp.Extract: _part,
    exp.DateDiff: _difference,
    exp.Like: _pattern,
    exp.ILike: _pattern,
    exp.Bracket: _element,
    exp.Escape: _refuse("ESCAPE"),
    exp.AtTimeZone: _refuse("AT TIME ZONE"),
    exp.ToMap: _map,
    exp.Sign: _wrapped("CAST(SIGN(", ") AS TINYINT)"),
    exp.DayOfWeek: _wrapped("DAYOFWEEK(", ") - 1"),
    exp.DayOfWeekIso: _wrapped("WEEKDAY(", ") + 1"),
    exp.Dayname: _wrapped("DATE_FORMAT(", ", 'EEEE')"),
    exp.Monthname: _wrapped("DATE_FORMAT(", ", 'MMMM')"),
    exp.Week: _wrapped("WEEKOFYEAR(", ")"),
    exp.IsNan: _wrapped("CASE WHEN NOT ISNULL(", ") THEN ISNAN(vai_value) END"),
    exp.TimeToUnix: _wrapped("CAST(UNIX_MICROS(CAST(", " AS TIMESTAMP_LTZ)) AS DOUBLE) / 1000000"),
}
