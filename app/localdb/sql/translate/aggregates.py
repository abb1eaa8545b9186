"""Aggregate and analytic functions."""

from __future__ import annotations

from abc import abstractmethod

from app.localdb.sql import nodes as n
from app.localdb.sql.refusals import refuse, unsupported
from app.localdb.sql.translate import conversions as c
from app.localdb.sql.translate.names import Names
from app.localdb.sql.types import DOUBLE, NUMBER, Ex, Family, varchar2

_RANKING = {
    "ROW_NUMBER": "row_number", "RANK": "rank", "DENSE_RANK": "dense_rank", "PERCENT_RANK": "percent_rank",
    "CUME_DIST": "cume_dist", "NTILE": "ntile",
}  # fmt: skip
NAVIGATION = {
    "LAG": "lag", "LEAD": "lead", "FIRST_VALUE": "first_value", "LAST_VALUE": "last_value",
    "NTH_VALUE": "nth_value",
}  # fmt: skip
_WHOLE_PARTITION = ("LISTAGG", "MEDIAN", "PERCENTILE_CONT", "PERCENTILE_DISC")
_STATISTICS = {
    "STDDEV_POP": "stddev_pop", "STDDEV_SAMP": "stddev_samp", "VAR_POP": "var_pop", "VAR_SAMP": "var_samp",
    "STDDEV": "stddev_samp", "VARIANCE": "var_samp",
}  # fmt: skip
_PAIRS = {
    "CORR": "corr", "COVAR_POP": "covar_pop", "COVAR_SAMP": "covar_samp", "REGR_SLOPE": "regr_slope",
    "REGR_INTERCEPT": "regr_intercept", "REGR_COUNT": "regr_count", "REGR_R2": "regr_r2",
    "REGR_AVGX": "regr_avgx", "REGR_AVGY": "regr_avgy",
}  # fmt: skip
AGGREGATES = frozenset(
    ["COUNT", "SUM", "AVG", "MIN", "MAX", "LISTAGG", "MEDIAN", "PERCENTILE_CONT", "PERCENTILE_DISC",
     "APPROX_COUNT_DISTINCT", "ANY_VALUE", "STATS_MODE", "BIT_AND_AGG", "GROUPING", "GROUPING_ID",
     *_STATISTICS, *_PAIRS]
)  # fmt: skip
ANALYTIC = frozenset([*_RANKING, *NAVIGATION, "RATIO_TO_REPORT"])
_INTEGER_RANKS = frozenset(["ROW_NUMBER", "RANK", "DENSE_RANK", "NTILE"])


class Aggregates(Names):
    """Functions over several rows, with OVER or under GROUP BY."""

    @abstractmethod
    def value(self, node: n.Expr) -> Ex: ...

    def aggregate(self, name: str, node: n.Call) -> Ex:
        """A call of a function in AGGREGATES or ANALYTIC. No analytic function stands in another, or in an
        aggregate."""
        block = self.block
        allowed, block.windows_allowed = block.windows_allowed, False
        if node.over is not None:
            if not allowed:
                raise refuse(30483, node.offset)
            block.windowed = True
        found = self._over_rows(name, node)
        block.windows_allowed = allowed
        return found

    def _over_rows(self, name: str, node: n.Call) -> Ex:
        if name in ANALYTIC:
            if node.over is None:
                if node.within_group is not None:
                    raise unsupported(f"{name} WITHIN GROUP", node.offset)
                raise refuse(30484, node.offset)
            return self._analytic(name, node)
        if node.over is not None:
            return self._windowed(name, node)
        block = self.block
        if name in ("GROUPING", "GROUPING_ID"):
            items = [self.value(argument.value) for argument in node.args]
            return Ex(f"grouping({', '.join(item.sql for item in items)})::numeric", NUMBER, False)
        if not block.aggregates_allowed:
            raise refuse(934, node.offset)
        if block.inside_aggregate:
            raise refuse(978 if not block.groups else 935, node.offset)
        block.aggregates += 1
        block.inside_aggregate = True
        found = self._aggregate_sql(name, node, "")
        block.inside_aggregate = False
        return found

    def _windowed(self, name: str, node: n.Call) -> Ex:
        if node.keep is not None:
            raise unsupported(f"{name} ... KEEP ... OVER (...)", node.offset)
        if name in _WHOLE_PARTITION or node.distinct:
            return self.over_partition(name, node)
        return self._aggregate_sql(name, node, self.over(node))

    @abstractmethod
    def over_partition(self, name: str, node: n.Call) -> Ex: ...

    def one(self, name: str, node: n.Call, count: int = 1) -> list[Ex]:
        if len(node.args) < count:
            raise refuse(909 if not node.args else 938, node.offset)
        if len(node.args) > count:
            raise refuse(909 if count == 1 else 939, node.offset)
        return [self.value(argument.value) for argument in node.args]

    def _aggregate_sql(self, name: str, node: n.Call, over: str) -> Ex:
        if node.keep is not None:
            return self._kept(name, node, node.keep)
        distinct = "DISTINCT " if node.distinct else ""
        if name == "COUNT":
            if len(node.args) == 1 and isinstance(node.args[0].value, n.Star):
                if node.distinct:
                    raise refuse(936, node.args[0].offset)
                return Ex(f"count(*){over}::numeric", NUMBER, False)
            [argument] = self.one(name, node)
            if distinct:
                c.sortable(argument.ty, node.offset)
            return Ex(f"count({distinct}{argument.sql}){over}::numeric", NUMBER, False)
        if name == "LISTAGG":
            return self._listagg(node)
        if name in ("PERCENTILE_CONT", "PERCENTILE_DISC"):
            return self._percentile(name, node)
        if name in _PAIRS:
            x, y = (c.to_number(a) for a in self.one(name, node, 2))
            return Ex(f"{_PAIRS[name]}({x.sql}, {y.sql}){over}::numeric", NUMBER)
        [argument] = self.one(name, node)
        family = argument.ty.family
        if name in ("MIN", "MAX"):
            c.sortable(argument.ty, node.offset)
            text = c.to_text(argument) if argument.ty.bpchar or family is Family.NULL else argument
            return Ex(f"{name.lower()}({text.sql}){over}", text.ty)
        if name in ("SUM", "AVG"):
            if family is Family.FLOAT:
                return Ex(f"{name.lower()}({distinct}{c.to_float(argument).sql}){over}", DOUBLE)
            number = c.to_number(argument, node.args[0].offset).sql
            if name == "SUM":
                return Ex(f"oracle.num(sum({distinct}{number}){over})", NUMBER)
            return Ex(f"oracle.div(sum({distinct}{number}){over}, count({distinct}{number}){over})", NUMBER)
        return self._other_aggregate(name, node, argument, distinct, over)

    def _other_aggregate(self, name: str, node: n.Call, argument: Ex, distinct: str, over: str) -> Ex:
        if name in _STATISTICS:
            number = c.to_number(argument, node.offset).sql
            sql = f"oracle.num({_STATISTICS[name]}({distinct}{number}){over})"
            if name in ("STDDEV", "VARIANCE"):
                sql = f"CASE count({distinct}{number}){over} WHEN 1 THEN 0::numeric ELSE {sql} END"
            return Ex(sql, NUMBER)
        if name == "MEDIAN":
            number = c.to_number(argument, node.offset).sql
            return Ex(f"oracle.percentile(array_agg({number} ORDER BY {number}), 0.5)", NUMBER)
        if name == "APPROX_COUNT_DISTINCT":
            return Ex(f"count(DISTINCT {argument.sql})::numeric", NUMBER, False)
        if name == "ANY_VALUE":
            return Ex(f"any_value({argument.sql}){over}", argument.ty)
        if name == "STATS_MODE":
            return Ex(f"mode() WITHIN GROUP (ORDER BY {argument.sql})", argument.ty)
        raise unsupported(f"the function {name}", node.offset)

    def _listagg(self, node: n.Call) -> Ex:
        if node.overflow == "TRUNCATE":
            raise unsupported("LISTAGG ... ON OVERFLOW TRUNCATE", node.offset)
        if not node.args or len(node.args) > 2:
            raise refuse(938 if not node.args else 939, node.offset)
        value = c.to_text(self.value(node.args[0].value), node.args[0].offset)
        separator = "''"
        if len(node.args) == 2:
            separator = f"coalesce({c.to_text(self.value(node.args[1].value)).sql}, '')"
        order = ""
        if node.within_group:
            keys = self.order_list(node.within_group)
            if node.distinct and keys not in (value.sql, f"{value.sql} DESC"):
                raise unsupported("LISTAGG(DISTINCT ...) ordered by something else", node.offset)
            order = f" ORDER BY {keys}"
        distinct = "DISTINCT " if node.distinct else ""
        sql = f"oracle.listagg_limit(string_agg({distinct}{value.sql}, {separator}{order}))"
        return Ex(sql, varchar2(4000))

    def _percentile(self, name: str, node: n.Call) -> Ex:
        if not node.within_group or len(node.within_group) != 1:
            raise refuse(30491, node.offset)
        [fraction] = (c.to_number(a) for a in self.one(name, node))
        key = self.value(node.within_group[0].value)
        order = self.order_list(node.within_group)
        if name == "PERCENTILE_DISC":
            return Ex(f"percentile_disc(({fraction.sql})::float8) WITHIN GROUP (ORDER BY {order})", key.ty)
        number = c.to_number(key, node.offset).sql
        descending = " DESC" if node.within_group[0].descending else ""
        return Ex(
            f"oracle.percentile(array_agg({number} ORDER BY {number}{descending}), {fraction.sql})", NUMBER
        )

    def _kept(self, name: str, node: n.Call, keep: n.Keep) -> Ex:
        if name not in ("MIN", "MAX"):
            raise unsupported(f"{name} ... KEEP", node.offset)
        [argument] = self.one(name, node)
        text = c.to_text(argument) if argument.ty.bpchar else argument
        items = keep.order
        if keep.last:
            items = [n.OrderItem(i.offset, i.value, not i.descending, _opposite(i)) for i in items]
        keys = self.order_list(items)
        tie = f"{text.sql}{' DESC NULLS LAST' if name == 'MAX' else ''}"
        return Ex(f"(array_agg({text.sql} ORDER BY {keys}, {tie}))[1]", text.ty)

    # -- analytic ------------------------------------------------------------------------------------------

    def _analytic(self, name: str, node: n.Call) -> Ex:
        if name in _RANKING and name != "NTILE":
            if node.args:
                raise refuse(939, node.offset)
            if node.over is not None and not node.over.order:
                raise refuse(30485, node.offset)
            sql = f"{_RANKING[name]}(){self.over(node)}::numeric"
            return Ex(sql if name in _INTEGER_RANKS else f"oracle.num({sql})", NUMBER, False)
        if name == "NTILE":
            [buckets] = (c.to_number(a) for a in self.one(name, node))
            return Ex(f"ntile(trunc({buckets.sql})::int){self.over(node)}::numeric", NUMBER)
        if name == "RATIO_TO_REPORT":
            [number] = (c.to_number(a) for a in self.one(name, node))
            return Ex(f"oracle.div({number.sql}, nullif(sum({number.sql}){self.over(node)}, 0))", NUMBER)
        return self.navigation(name, node)

    @abstractmethod
    def navigation(self, name: str, node: n.Call) -> Ex: ...

    def over(self, node: n.Call, frame: str = "", order: list[n.OrderItem] | None = None) -> str:
        """The OVER clause, with a frame of ours or an order that stands elsewhere."""
        window = node.over
        if window is None:
            return ""
        # inside OVER aggregates are those of the query block, and need not be grouped again
        parts = []
        if window.partition:
            parts.append("PARTITION BY " + ", ".join(self.key(item) for item in window.partition))
        if window.order or order:
            items = window.order or order or []
            parts.append(f"ORDER BY {self.order_list(items, ranged=window.frame is not None)}")
        if frame:
            parts.append(frame)
        elif window.frame is not None:
            if not window.order:
                raise refuse(30485, node.offset)
            parts.append(self._frame(window.frame, window.order))
        return f" OVER ({' '.join(parts)})"

    def _frame(self, frame: n.Frame, order: list[n.OrderItem]) -> str:
        start = self._bound(frame, frame.start, order)
        if frame.end is None:
            return f"{frame.unit} {start}"
        return f"{frame.unit} BETWEEN {start} AND {self._bound(frame, frame.end, order)}"

    def _bound(self, frame: n.Frame, bound: tuple[str, n.Expr | None], order: list[n.OrderItem]) -> str:
        kind, value = bound
        if value is None:
            return kind
        found = self.value(value)
        if frame.unit == "ROWS":
            return f"trunc({c.to_number(found).sql})::bigint {kind}"
        key = self.value(order[0].value).ty.family
        if key is Family.DATE and found.ty.family is Family.NUMBER:
            return f"oracle.numtodsinterval({found.sql}, 'DAY') {kind}"
        return f"{found.sql} {kind}"

    def key(self, node: n.Expr) -> str:
        """An expression to group, partition or sort by."""
        found = self.value(node)
        c.sortable(found.ty, node.offset)
        return c.to_text(found).sql if found.ty.family is Family.NULL else found.sql

    def order_list(self, items: list[n.OrderItem], ranged: bool = False) -> str:
        """An ORDER BY list; Oracle's default place of NULLs is PostgreSQL's, too."""
        parts = []
        for item in items:
            sql = self.key(item.value)
            if ranged and self.value(item.value).ty.family is Family.DATE:
                sql = f"({sql})::timestamp"
            parts.append(
                sql + (" DESC" if item.descending else "") + (f" NULLS {item.nulls}" if item.nulls else "")
            )
        return ", ".join(parts)


def _opposite(item: n.OrderItem) -> str | None:
    if item.nulls is None:
        return None
    return "LAST" if item.nulls == "FIRST" else "FIRST"
