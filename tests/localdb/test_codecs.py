"""The codecs of the wire against Python's own types and the driver's rules: properties, and known bytes."""

from __future__ import annotations

import math
from datetime import datetime, timedelta, timezone
from decimal import ROUND_HALF_UP, Context, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.localdb import zones
from app.localdb.contract import IntervalYM
from app.localdb.errors import OracleError
from app.localdb.wire import numbers, rowids, times, writer
from app.localdb.wire.scan import scan

digits40 = st.integers(min_value=0, max_value=10**40 - 1)


@given(digits40, st.integers(-130, 126), st.booleans())
def test_a_number_of_up_to_40_digits_survives_both_ways(digits: int, exponent: int, negative: bool) -> None:
    value = Decimal(digits).scaleb(exponent, Context(prec=60))
    if value and not (value.adjusted() + 131 >= 1 and value.adjusted() < 125):
        return
    value = -value if negative else value
    decoded = numbers.decode_number(numbers.encode_decimal(value))
    if value.adjusted() - 38 > value.as_tuple().exponent:  # 40 digits that straddle 21 base-100 digits
        relative = abs(Decimal(decoded) - value) / abs(value)
        assert relative < Decimal("1E-37")
    else:
        assert Decimal(decoded) == value


@given(st.integers(-(10**38), 10**38))
def test_integers_come_back_as_int(value: int) -> None:
    decoded = numbers.decode_number(numbers.encode_number(str(value).encode()))
    assert decoded == value
    assert isinstance(decoded, int)


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**30), max_value=10**30))
def test_encoded_numbers_sort_as_their_values(value: Decimal) -> None:
    above = Context(prec=100).add(value, 1)
    assert numbers.encode_decimal(value) < numbers.encode_decimal(above)


@pytest.mark.parametrize(
    ("text", "wire"),
    [
        ("0", "80"),
        ("-0.00", "80"),
        ("1", "c102"),
        ("10", "c10b"),
        ("100", "c202"),
        ("123.45", "c202182e"),
        ("-1", "3e6466"),
        ("-123.45", "3d644e3866"),
        ("0.01", "c002"),
        ("0.001", "bf0b"),
        (".5", "c033"),
    ],
)
def test_numbers_have_oracles_known_bytes(text: str, wire: str) -> None:
    assert numbers.encode_number(text.encode()).hex() == wire


def test_more_than_20_base_100_digits_are_rounded_half_up() -> None:
    third = b"0." + b"3" * 60
    assert numbers.decode_number(numbers.encode_number(third)) == Decimal("0." + "3" * 40)
    two_thirds = b"0." + b"6" * 60
    assert numbers.decode_number(numbers.encode_number(two_thirds)) == Decimal("0." + "6" * 39 + "7")
    carried = b"0." + b"9" * 60
    assert numbers.decode_number(numbers.encode_number(carried)) == 1
    assert numbers.decode_number(numbers.encode_number(b"-" + b"9" * 60)) == -(10**60)


@given(st.integers(10**40, 10**50))
def test_rounding_is_that_of_decimal(value: int) -> None:
    shown = str(value)
    kept = 40 if len(shown) % 2 == 0 else 39
    expected = Context(prec=kept, rounding=ROUND_HALF_UP).create_decimal(value)
    assert numbers.decode_number(numbers.encode_number(shown.encode())) == int(expected)


def test_numbers_out_of_range_are_refused_or_zero() -> None:
    for text in (b"1" + b"0" * 126, b"-1" + b"0" * 130, b"Infinity", b"NaN"):
        with pytest.raises(OracleError, match="ORA-01426"):
            numbers.encode_number(text)
    assert numbers.encode_number(b"0." + b"0" * 140 + b"1") == numbers.ZERO
    assert numbers.encode_decimal(Decimal("1E-500")) == numbers.ZERO
    with pytest.raises(OracleError, match="ORA-01426"):
        numbers.encode_decimal(Decimal("1E+500"))
    assert numbers.decode_number(b"\x00") == Decimal("-1E126")


@given(st.floats(allow_nan=False))
def test_doubles_survive(value: float) -> None:
    assert numbers.decode_double(numbers.encode_double(value)) == value


@given(st.floats(allow_nan=False, width=32), st.floats(allow_nan=False, width=32))
def test_floats_survive_and_sort(one: float, other: float) -> None:
    assert numbers.decode_float(numbers.encode_float(one)) == one
    assert (numbers.encode_float(one) < numbers.encode_float(other)) == (one < other)


def test_there_is_one_nan_and_it_is_the_greatest() -> None:
    assert math.isnan(numbers.decode_double(numbers.encode_double(math.nan)))
    assert numbers.encode_double(math.nan) > numbers.encode_double(math.inf)
    assert numbers.encode_float(1e300) == numbers.encode_float(math.inf)


naive = st.datetimes(min_value=datetime(1, 1, 1), max_value=datetime(9999, 12, 31))  # noqa: DTZ001


zonable = st.datetimes(min_value=datetime(2, 1, 1), max_value=datetime(9998, 1, 1))  # noqa: DTZ001


@given(naive)
def test_timestamps_survive_as_text_and_as_objects(value: datetime) -> None:
    text = value.isoformat(" ").rjust(19, "0").encode()
    assert times.decode_date(times.encode_timestamp_text(text)) == value
    assert times.decode_date(times.encode_timestamp(value)) == value
    assert times.decode_date(times.encode_date_text(text)) == value.replace(microsecond=0)


zone_numbers = st.integers(-959, 959) | st.integers(1001, 8191)  # offsets, regions


@given(naive, zone_numbers)
def test_zoned_text_is_utc(value: datetime, number: int) -> None:
    found = times.decode_date(times.encode_zoned_text(f"{value.isoformat(' ')} {number}".encode()))
    assert (found.replace(tzinfo=None), zones.of(found).number) == (value, number)


@given(naive, zone_numbers)
def test_zoned_objects_keep_moment_and_zone(value: datetime, number: int) -> None:
    wire = times.encode_zoned(value.replace(tzinfo=zones.Zone(number)))
    found = times.decode_zoned(wire)
    assert (found.replace(tzinfo=None), zones.of(found).number) == (value, number)
    if abs(number) < 960:
        assert (wire[11] - 20) * 60 + wire[12] - 60 == number


@given(zonable, st.integers(-12 * 60, 14 * 60))
def test_aware_objects_keep_their_moment(value: datetime, minutes: int) -> None:
    aware = value.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    assert times.decode_zoned(times.encode_zoned(aware)) == aware


def test_a_region_has_oracles_form() -> None:
    """14 bits, as DUMP of Oracle shows them. The numbers here are others: one of Oracle's is refused."""
    assert times.encode_zone(1001) == bytes((0x80 | 15, 41 << 2))
    with pytest.raises(OracleError) as caught:
        times.decode_zone(bytes((0x83, 0x64)))  # PST8PDT
    assert caught.value.code == 1882


def test_dates_have_oracles_known_bytes() -> None:
    assert times.encode_date_text(b"2026-01-31 23:59:58").hex() == "787e011f183c3b"
    assert times.encode_date_text(b"4712-01-01 00:00:00 BC").hex() == "355801" + "01" + "010101"
    an_hour_east = timezone(timedelta(hours=1))
    assert times.encode_local_text(b"2026-01-31 23:30:00+00", an_hour_east) == times.encode_date_text(
        b"2026-02-01 00:30:00"
    )
    with pytest.raises(OracleError, match="ORA-01841"):
        times.encode_date_text(b"10000-01-01 00:00:00")
    with pytest.raises(OracleError, match="ORA-01858"):
        times.decode_date(b"\x78\x7e\x0d\x01\x01\x01\x01")


@given(st.timedeltas(min_value=timedelta(days=-999_999), max_value=timedelta(days=999_999)))
def test_day_intervals_survive(value: timedelta) -> None:
    wire = times.encode_interval_ds(value)
    assert times.decode_interval_ds(wire) == value
    magnitude = abs(value)
    clock = timedelta(seconds=magnitude.seconds)
    sign = "-" if value < timedelta() else ""
    text = f"{sign}{magnitude.days} {str(clock).rjust(8, '0')}.{magnitude.microseconds:06d}"
    assert times.encode_interval_ds_text(text.encode()) == wire


@given(st.integers(-120_000, 120_000))
def test_month_intervals_survive(months: int) -> None:
    assert times.decode_interval_ym(times.encode_interval_ym(IntervalYM(months))) == IntervalYM(months)


@given(st.integers(0, 2**64 - 1))
def test_integers_have_the_shortest_known_length(value: int) -> None:
    wire = writer.ub(value)
    assert wire[0] == len(wire) - 1
    assert int.from_bytes(wire[1:], "big") == value


@given(st.integers(-(2**31), 2**31 - 1))
def test_signed_integers_carry_their_sign_in_the_length(value: int) -> None:
    wire = writer.sb(value)
    assert int.from_bytes(wire[1:], "big") * (-1 if wire[0] & 0x80 else 1) == value


def test_rowids_are_four_numbers() -> None:
    assert rowids.rowid_parts("AAABBBAACAAAAAEAAF") == (4161, 2, 4, 5)
    with pytest.raises(OracleError, match="ORA-01410"):
        rowids.rowid_parts("not a rowid")


@pytest.mark.parametrize(
    ("text", "names", "returning"),
    [
        ("select :a, :B, :a from dual where x = ':no' -- :no\n and y = :\"Quoted\"", "A B A Quoted", "0000"),
        ("begin :x := :y + :x; end;", "X Y", "00"),
        ("insert into t values (:1, :2) returning a, b into :3, :4", "1 2 3 4", "0011"),
        ("begin insert into t values (:1) returning a into :2; end;", "1 2", "00"),
        ("select q'[it's :not]', n'x', json_object('a':1) from dual /* :no */ where b = :yes", "YES", "0"),
        ("create trigger t before insert on x begin :new.a := 1; end;", "", ""),
        ("select a from t where returning_x = :r and b=:into_1", "R INTO_1", "00"),
        ("merge into t using dual on (a = :x) when matched then update set b = :x", "X X", "00"),
    ],
)
def test_placeholders_are_found_as_the_client_finds_them(text: str, names: str, returning: str) -> None:
    found = scan(text)
    assert " ".join(found.names) == names
    assert "".join("01"[flag] for flag in found.returning) == returning


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**20), max_value=10**20, places=5))
def test_a_number_as_text_is_the_number(value: Decimal) -> None:
    raw = numbers.encode_number(f"{value:f}".encode())
    assert Decimal(numbers.decode_text(raw).decode()) == value
