"""Analytic functions that PostgreSQL has otherwise or not: IGNORE NULLS, and whole partitions put in order."""

from __future__ import annotations

from app.localdb.sql import nodes as n
from app.localdb.sql.refusals import refuse, unsupported
from app.localdb.sql.translate import conversions as c
from app.localdb.sql.translate.aggregates import NAVIGATION, Aggregates
from app.localdb.sql.types import NUMBER, Ex, varchar2

_WHOLE = "ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING"


class Windows(Aggregates):
    """navigation() and over_partition(), which Aggregates asks for."""

    def navigation(self, name: str, node: n.Call) -> Ex:
        """LAG, LEAD, FIRST_VALUE, LAST_VALUE and NTH_VALUE."""
        limit = {"LAG": 3, "LEAD": 3, "NTH_VALUE": 2}.get(name, 1)
        if not 1 <= len(node.args) <= limit:
            raise refuse(938 if not node.args else 939, node.offset)
        if name in ("LAG", "LEAD") and node.over is not None and not node.over.order:
            raise refuse(30485, node.offset)
        values = [self.value(argument.value) for argument in node.args]
        first = c.to_text(values[0]) if values[0].ty.bpchar else values[0]
        count = f"trunc({c.to_number(values[1]).sql})::int" if len(values) > 1 else "1"
        default = ""
        if len(values) > 2 and values[2].sql != "NULL":
            default = c.convert(values[2], first.ty.family, node.args[2].offset).sql
        if node.nulls == "IGNORE":
            return Ex(self._without_nulls(name, node, first.sql, count, default), first.ty)
        if node.from_last:
            return Ex(f"oracle.nth_from_last(array_agg({first.sql}){self.over(node)}, {count})", first.ty)
        arguments = [first.sql, *([count] if len(values) > 1 else []), *([default] if default else [])]
        return Ex(f"{NAVIGATION[name]}({', '.join(arguments)}){self.over(node)}", first.ty)

    def _without_nulls(self, name: str, node: n.Call, value: str, count: str, default: str) -> str:
        """IGNORE NULLS, by aggregates over the frame, which for LAG and LEAD ends before or begins after the row."""
        if name == "FIRST_VALUE":
            return f"oracle.first_filled({value}){self.over(node)}"
        if name == "LAST_VALUE":
            return f"oracle.last_filled({value}){self.over(node)}"
        frame = {
            "LAG": "ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING",
            "LEAD": "ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING",
        }.get(name, "")
        filled = f"array_agg({value}) FILTER (WHERE ({value}) IS NOT NULL){self.over(node, frame)}"
        if name == "LAG" or node.from_last:
            found = f"oracle.nth_from_last({filled}, {count})"
        else:
            found = f"({filled})[{count}]"
        if name in ("LAG", "LEAD"):
            found = f"CASE {count} WHEN 0 THEN {value} ELSE {found} END"
        return f"coalesce({found}, {default})" if default else found

    def over_partition(self, name: str, node: n.Call) -> Ex:
        """LISTAGG, MEDIAN, PERCENTILE_* and COUNT(DISTINCT x) with OVER (PARTITION BY ...)."""
        window = node.over
        assert window is not None
        if window.order or window.frame is not None:
            raise refuse(30487, node.offset)
        if node.distinct and name != "COUNT":
            raise unsupported(f"{name}(DISTINCT ...) OVER (...)", node.offset)
        if name == "LISTAGG":
            if node.overflow == "TRUNCATE":
                raise unsupported("LISTAGG ... ON OVERFLOW TRUNCATE", node.offset)
            value = c.to_text(self.value(node.args[0].value), node.args[0].offset).sql
            separator = c.to_text(self.value(node.args[1].value)).sql if len(node.args) > 1 else "''"
            over = self.over(node, _WHOLE, node.within_group or [])
            sql = f"oracle.listagg_limit(string_agg({value}, coalesce({separator}, '')){over})"
            return Ex(sql, varchar2(4000))
        if name == "COUNT":
            [value_ex] = self.one(name, node)
            return Ex(f"oracle.count_distinct(array_agg({value_ex.sql}){self.over(node)})", NUMBER, False)
        if name == "MEDIAN":
            fraction, order = "0.5", [n.OrderItem(node.offset, node.args[0].value)]
        else:
            if not node.within_group or len(node.within_group) != 1:
                raise refuse(30491, node.offset)
            fraction = c.to_number(self.one(name, node)[0]).sql
            order = node.within_group
        key = self.value(order[0].value)
        if name != "PERCENTILE_DISC":
            key = Ex(c.to_number(key, node.offset).sql, NUMBER)
        listed = (
            f"array_agg({key.sql}) FILTER (WHERE ({key.sql}) IS NOT NULL){self.over(node, _WHOLE, order)}"
        )
        function = "percentile_at" if name == "PERCENTILE_DISC" else "percentile"
        return Ex(f"oracle.{function}({listed}, {fraction})", key.ty)
