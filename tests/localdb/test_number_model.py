"""NUMBER arithmetic against a naive model: 20 digits to the base of 100, counted from the decimal point, half up."""

from __future__ import annotations

import random
from decimal import ROUND_HALF_UP, Context, Decimal

import oracledb
import pytest

_EXACT = Context(prec=400, rounding=ROUND_HALF_UP)


def number(value: Decimal) -> Decimal:
    """What a NUMBER keeps of an exact value."""
    if not value:
        return value
    pairs_ahead = -(-(value.adjusted() + 1) // 2)  # of digits before the point
    return value.quantize(Decimal(1).scaleb(2 * pairs_ahead - 40), context=_EXACT)


def numbers(seed: int, count: int) -> list[Decimal]:
    source = random.Random(seed)
    found = []
    for _ in range(count):
        size = source.choice((1, 5, 17, 18, 19, 20, 21, 30, 37, 38))
        digits = source.randrange(1, 10**size)
        exponent = source.choice((0, -source.randint(0, size), 5, 20, -40, -60))
        found.append(number(Decimal(source.choice((1, -1)) * digits).scaleb(exponent)))
    return found


@pytest.mark.parametrize("seed", [1, 2])
def test_arithmetic_keeps_the_digits_that_oracle_keeps(connection: oracledb.Connection, seed: int) -> None:
    cursor = connection.cursor()
    pairs = list(zip(numbers(seed, 150), numbers(seed + 100, 150), strict=True))
    cursor.execute("create table n (id number, x number, y number)")
    cursor.executemany(
        "insert into n values (:1, to_number(:2), to_number(:3))",
        [(row, f"{x:f}", f"{y:f}") for row, (x, y) in enumerate(pairs)],
    )
    cursor.outputtypehandler = lambda c, m: (
        c.var(str, arraysize=c.arraysize) if m.type_code is oracledb.DB_TYPE_NUMBER else None
    )
    cursor.execute("select x + y, x - y, x * y, x / y, (x + y) * x from n order by id")
    for (x, y), row in zip(pairs, cursor, strict=True):
        e = _EXACT
        both = number(e.add(x, y))
        expected = [both, e.subtract(x, y), e.multiply(x, y), e.divide(x, y), e.multiply(both, x)]
        assert [Decimal(value) for value in row] == [number(value) for value in expected], (x, y)
    cursor.execute("select sum(x), avg(x), sum(y * 3) / 7 from n where id < 3")
    (total, average, more), (xs, ys) = cursor.fetchall()[0], zip(*pairs[:3], strict=True)
    assert Decimal(total) == number(_EXACT.add(_EXACT.add(xs[0], xs[1]), xs[2]))
    assert Decimal(average) == number(_EXACT.divide(_EXACT.add(_EXACT.add(xs[0], xs[1]), xs[2]), Decimal(3)))
    tripled = [number(_EXACT.multiply(y, Decimal(3))) for y in ys]
    total_y = number(_EXACT.add(_EXACT.add(tripled[0], tripled[1]), tripled[2]))
    assert Decimal(more) == number(_EXACT.divide(total_y, Decimal(7)))


def test_sql_and_plsql_write_numbers_alike(connection: oracledb.Connection) -> None:
    cursor = connection.cursor()
    written = cursor.var(str)
    for value in numbers(3, 40):
        cursor.execute("select to_char(to_number(:1) * 1e25) from dual", [f"{value:f}"])
        (text,) = cursor.fetchall()[0]
        cursor.execute("begin :1 := to_char(to_number(:2) * 1e25); end;", [written, f"{value:f}"])
        assert written.getvalue() == text
