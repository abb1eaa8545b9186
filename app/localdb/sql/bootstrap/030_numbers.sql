-- NUMBER: up to 20 base-100 digits (39 or 40 decimal ones), half-up rounding, 1E-130 to 1E126; BINARY_DOUBLE.

-- To Oracle's precision. Oracle groups digits by two from the decimal point on.
create function oracle.num_round(value numeric) returns numeric
    language plpgsql immutable strict parallel safe as $$
declare
    size numeric := abs(value);
    written text;
    ahead integer; -- digits before the point; 0 or negative: that many zeros follow the point
    result numeric;
begin
    if value = 0 then
        return 0;
    end if;
    if value = 'NaN' or size >= 1e126 then
        raise exception using errcode = 'ORA00', message = 'ORA-01426: numeric overflow';
    end if;
    if size >= 1 then
        ahead := length(trunc(size)::text);
    else
        written := size::text;
        ahead := 2 - (length(written) - length(ltrim(written, '0.')));
    end if;
    if ahead < -129 then
        return 0;
    end if;
    result := trim_scale(round(value, 40 - 2 * ceil(ahead / 2.0)::integer));
    return result;
end
$$;

create function oracle.num(numeric) returns numeric
    language sql immutable parallel safe
    return case when scale($1) <= 20 and abs($1) < 1e18 then $1 else oracle.num_round($1) end;

-- a / b. PostgreSQL gives as many decimals as the dividend has, so that is given enough of them.
create function oracle.div(numeric, numeric) returns numeric
    language sql immutable parallel safe
    return case when $1 = 0 or abs($1) >= abs($2) * 1e-40 then oracle.num(trim_scale(round($1, 84) / $2))
                else oracle.num_round(round($1, 300) / $2) end;

create function oracle.mod(numeric, numeric) returns numeric
    language sql immutable parallel safe
    return case when $2 = 0 then $1 else mod($1, $2) end;

create function oracle.remainder(numeric, numeric) returns numeric
    language sql immutable strict parallel safe
    return $1 - $2 * round(oracle.div($1, $2));

create function oracle.power(numeric, numeric) returns numeric
    language sql immutable parallel safe
    return case when $1 is null or $2 is null then null
                when $2 between 0 and 16 and abs($1) between 1 and 1e6 and scale($2) = 0 and scale($1) = 0
                then oracle.num(trim_scale(power($1, $2)))
                when $1 < 0 and $2 <> trunc($2)
                then oracle.fail('ORA-01428: argument ''' || trim_scale($1)::text || ''' is out of range', $1)
                when $1 = 0 and $2 < 0 then oracle.fail('ORA-01428: argument ''0'' is out of range', $2)
                when $2 * log(greatest(abs($1), 1e-200)) >= 126 then oracle.fail('ORA-01426: numeric overflow', $1)
                when $2 * log(greatest(abs($1), 1e-200)) < -130 then 0
                when $2 = trunc($2) and $2 between 0 and 400 and scale($1) < 20 then oracle.num(trim_scale(power($1, $2)))
                else oracle.num(trim_scale(power(round($1, 180), $2))) end;

create function oracle.sqrt(numeric) returns numeric
    language sql immutable parallel safe
    return case when $1 < 0 then oracle.fail('ORA-01428: argument ''' || trim_scale($1)::text || ''' is out of range', $1)
                else oracle.num(trim_scale(sqrt(round($1, 100)))) end;

create function oracle.exp(numeric) returns numeric
    language sql immutable parallel safe
    return case when $1 > 291 then oracle.fail('ORA-01426: numeric overflow', $1)
                when $1 < -300 then 0
                else oracle.num(trim_scale(exp(round($1, 170)))) end;

create function oracle.ln(numeric) returns numeric
    language sql immutable parallel safe
    return case when $1 <= 0 then oracle.fail('ORA-01428: argument ''' || trim_scale($1)::text || ''' is out of range', $1)
                else oracle.num(trim_scale(ln(round($1, 100)))) end;

-- FIRST_VALUE and LAST_VALUE .. IGNORE NULLS: aggregates, so that they keep to the window's frame.
create function oracle.keep_first(anyelement, anyelement) returns anyelement
    language sql immutable parallel safe as 'select coalesce($1, $2)';
create function oracle.keep_last(anyelement, anyelement) returns anyelement
    language sql immutable parallel safe as 'select coalesce($2, $1)';
create aggregate oracle.first_filled(anyelement) (sfunc = oracle.keep_first, stype = anyelement);
create aggregate oracle.last_filled(anyelement) (sfunc = oracle.keep_last, stype = anyelement);

create function oracle.nth_from_last(list anyarray, n integer) returns anyelement
    language sql immutable parallel safe
    as 'select list[cardinality(list) + 1 - n]';

create function oracle.count_distinct(list anyarray) returns numeric
    language sql immutable parallel safe
    as 'select (select count(distinct v)::numeric from unnest(list) as t (v))';

-- PERCENTILE_DISC over sorted values without NULLs.
create function oracle.percentile_at(list anyarray, fraction numeric) returns anyelement
    language sql immutable parallel safe
    as 'select list[greatest(ceil(fraction * cardinality(list))::integer, 1)]';

-- PERCENTILE_CONT over sorted values: interpolated linearly, NULLs left out.
create function oracle.percentile(list numeric[], fraction numeric) returns numeric
    language plpgsql immutable parallel safe as $$
declare
    known numeric[] := array_remove(list, null);
    place numeric;
    low integer;
    high integer;
begin
    if fraction not between 0 and 1 then
        raise exception using errcode = 'ORA00', message = format('ORA-01428: argument ''%s'' is out of range', fraction);
    end if;
    if coalesce(cardinality(known), 0) = 0 or fraction is null then
        return null;
    end if;
    place := 1 + fraction * (cardinality(known) - 1);
    low := floor(place);
    high := ceil(place);
    if low = high then
        return known[low];
    end if;
    return oracle.num(trim_scale((high - place) * known[low] + (place - low) * known[high]));
end
$$;

-- Text ---------------------------------------------------------------------------------------------------

-- TO_CHAR(number) of what does not fit 64 characters: 1.5E+70.
create function oracle.num_scientific(value numeric) returns text
    language plpgsql immutable strict parallel safe as $$
declare
    digits text := ltrim(replace(trim_scale(abs(value))::text, '.', ''), '0');
    exponent integer;
begin
    if abs(value) >= 1 then
        exponent := length(trunc(abs(value))::text) - 1;
    else
        exponent := length(digits) - scale(trim_scale(value)) - 1;
    end if;
    digits := left(digits, 1) || rtrim('.' || rtrim(substr(digits, 2), '0'), '.');
    return case when value < 0 then '-' else '' end || digits || 'E' || case when exponent < 0 then '-' else '+' end
        || lpad(abs(exponent)::text, greatest(2, length(abs(exponent)::text)), '0');
end
$$;

-- The decimal point of the session.
create function oracle.decimal_point() returns text
    language sql stable parallel safe
    return coalesce(nullif(left(current_setting('oracle.nls_numeric_characters', true), 1), ''), '.');

-- A number as Oracle shows it without a format: no zero before the point, none at the end.
create function oracle.num_fraction_text(value numeric) returns text
    language plpgsql stable strict parallel safe as $$
declare
    result text := trim_scale(value)::text;
begin
    if abs(value) < 1 and value <> 0 then
        result := replace(result, '0.', '.');
    end if;
    if length(ltrim(result, '-')) > 64 then
        result := oracle.num_scientific(value);
    end if;
    return replace(result, '.', oracle.decimal_point());
end
$$;

create function oracle.num_text(numeric) returns text
    language sql stable parallel safe
    return case when scale($1) = 0 and abs($1) < 1e63 then $1::text else oracle.num_fraction_text($1) end;

-- BINARY_DOUBLE as text: 1.5E+000, with the 17 (BINARY_FLOAT: 9) digits of its exact value.
create function oracle.float_digits(value float8, count integer) returns text
    language plpgsql immutable strict parallel safe as $$
declare
    bits bigint;
    mantissa bigint;
    power2 integer;
    exact numeric;
    exponent integer;
    digits text;
begin
    if value = 0 then
        return '0';
    elsif value = 'NaN' then
        return 'Nan';
    elsif abs(value) = 'Infinity' then
        return case when value > 0 then 'Inf' else '-Inf' end;
    end if;
    bits := ('x' || encode(float8send(abs(value)), 'hex'))::bit(64)::bigint;
    mantissa := bits & 4503599627370495;
    power2 := (bits >> 52)::integer;
    if power2 > 0 then
        mantissa := mantissa | 4503599627370496;
    else
        power2 := 1;
    end if;
    power2 := power2 - 1075;
    exact := case when power2 >= 0 then mantissa * power(2::numeric, power2)
                  else round(mantissa::numeric, 400) / power(2::numeric, - power2) end;
    exponent := case when exact >= 1 then length(trunc(exact)::text) - 1
                     else 1 - (length(exact::text) - length(ltrim(exact::text, '0.'))) end;
    exact := round(exact, count - 1 - exponent);
    digits := rtrim(ltrim(replace(exact::text, '.', ''), '0'), '0');
    if exact >= power(10::numeric, exponent + 1) then
        exponent := exponent + 1; -- rounded up to the next power of ten
    end if;
    return case when value < 0 then '-' else '' end || left(digits, 1) || '.' || coalesce(nullif(substr(digits, 2), ''), '0')
        || 'E' || case when exponent < 0 then '-' else '+' end || lpad(abs(exponent)::text, 3, '0');
end
$$;

create function oracle.float_text(float8) returns text
    language sql immutable strict parallel safe
    return oracle.float_digits($1, 17);

create function oracle.float_text(float4) returns text
    language sql immutable strict parallel safe
    return oracle.float_digits($1::float8, 9);

create function oracle.float_number(float8) returns numeric
    language sql immutable parallel safe
    return case when $1 = 'NaN' or abs($1) > 9.9e125
                then oracle.fail('ORA-01426: numeric overflow', 0::numeric + $1::numeric)
                else oracle.num(trim_scale($1::text::numeric)) end;

create function oracle.float_number(value float4) returns numeric
    language plpgsql immutable strict parallel safe as $$
begin
    if value = 'NaN' or abs(value) = 'Infinity' then
        raise exception using errcode = 'ORA00', message = 'ORA-01426: numeric overflow';
    end if;
    return oracle.num(trim_scale(oracle.float_digits(value::float8, 9)::numeric));
end
$$;

create function oracle.float_div(float8, float8) returns float8
    language sql immutable parallel safe
    return case when $2 <> 0 then $1 / $2
                when $1 = 0 or $1 = 'NaN' then 'NaN'::float8
                when $1 > 0 then 'Infinity'::float8 when $1 < 0 then '-Infinity'::float8 end;

-- Random numbers, the clock ----------------------------------------------------------------------------------

create function oracle.random_value() returns numeric
    language sql volatile parallel restricted
    return random(0::numeric, 0.99999999999999999999999999999999999999);

create function oracle.random_value(low numeric, high numeric) returns numeric
    language sql volatile parallel restricted
    return oracle.num(low + (high - low) * random(0::numeric, 0.99999999999999999999999999999999999999));

create function oracle.random_integer() returns numeric
    language sql volatile parallel restricted
    return random(-2147483648::bigint, 2147483647::bigint)::numeric;

create function oracle.random_string(option text, size numeric) returns text
    language plpgsql volatile strict parallel restricted as $$
declare
    letters constant text := 'ABCDEFGHIJKLMNOPQRSTUVWXYZ';
    digits constant text := '0123456789';
    alphabet text;
begin
    alphabet := case upper(left(option, 1))
        when 'L' then lower(letters)
        when 'A' then letters || lower(letters)
        when 'X' then letters || digits
        when 'P' then (select string_agg(chr(g), '' order by g) from generate_series(32, 126) g)
        else letters end;
    return nullif((select string_agg(substr(alphabet, random(1, length(alphabet)), 1), '')
                     from generate_series(1, least(trunc(size), 4000)::integer)), '');
end
$$;

-- DBMS_UTILITY.GET_TIME: hundredths of a second since some moment.
create function oracle.get_time() returns numeric
    language sql volatile parallel safe
    return trunc(mod(extract(epoch from clock_timestamp()) * 100, 2147483648));

-- Internal bytes: what STANDARD_HASH, ORA_HASH, DUMP and VSIZE see -------------------------------------------

create function oracle.number_bytes(value numeric) returns bytea
    language plpgsql immutable strict parallel safe as $$
declare
    rest numeric := abs(value);
    whole text;
    fraction text;
    exponent integer;
    digits text;
    result bytea;
    pair integer;
begin
    if value = 0 then
        return '\x80';
    end if;
    rest := trim_scale(rest);
    whole := trunc(rest)::text;
    fraction := case when scale(rest) > 0 then split_part(rest::text, '.', 2) else '' end;
    whole := case when whole = '0' then '' else whole end;
    whole := repeat('0', length(whole) % 2) || whole;
    fraction := fraction || repeat('0', length(fraction) % 2);
    digits := whole || fraction;
    exponent := length(whole) / 2 - 1;
    while left(digits, 2) = '00' loop
        digits := substr(digits, 3);
        exponent := exponent - 1;
    end loop;
    while right(digits, 2) = '00' loop
        digits := left(digits, -2);
    end loop;
    result := set_byte('\x00', 0, case when value > 0 then 193 + exponent else 62 - exponent end);
    for place in 1 .. length(digits) by 2 loop
        pair := substr(digits, place, 2)::integer;
        result := result || set_byte('\x00', 0, case when value > 0 then pair + 1 else 101 - pair end);
    end loop;
    if value < 0 and length(digits) < 40 then
        result := result || '\x66';
    end if;
    return result;
end
$$;

-- BINARY_FLOAT and BINARY_DOUBLE: IEEE 754, big-endian, the sign turned so that bytes sort as values do.
create function oracle.float_bytes(ieee bytea) returns bytea
    language plpgsql immutable strict parallel safe as $$
begin
    if get_byte(ieee, 0) < 128 then
        return set_byte(ieee, 0, get_byte(ieee, 0) + 128);
    end if;
    for place in 0 .. length(ieee) - 1 loop
        ieee := set_byte(ieee, place, 255 - get_byte(ieee, place));
    end loop;
    return ieee;
end
$$;

create function oracle.seven_bytes(value timestamp) returns bytea
    language sql immutable strict parallel safe
    return decode(lpad(to_hex(extract(year from $1)::integer / 100 + 100), 2, '0')
               || lpad(to_hex(extract(year from $1)::integer % 100 + 100), 2, '0')
               || lpad(to_hex(extract(month from $1)::integer), 2, '0')
               || lpad(to_hex(extract(day from $1)::integer), 2, '0')
               || lpad(to_hex(extract(hour from $1)::integer + 1), 2, '0')
               || lpad(to_hex(extract(minute from $1)::integer + 1), 2, '0')
               || lpad(to_hex(trunc(extract(second from $1))::integer + 1), 2, '0'), 'hex');

create function oracle.date_bytes(oracle.date) returns bytea
    language sql immutable strict parallel safe
    return oracle.seven_bytes($1::timestamp);

create function oracle.timestamp_bytes(timestamp) returns bytea
    language sql immutable parallel safe
    return case when date_trunc('second', $1) = $1 then oracle.seven_bytes($1)
                else oracle.seven_bytes($1) || int4send((mod(extract(microseconds from $1), 1000000) * 1000)::integer) end;
