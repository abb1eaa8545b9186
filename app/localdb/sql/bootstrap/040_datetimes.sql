-- DATE, TIMESTAMP and interval arithmetic with Oracle's rules. Intervals day to second are kept as PostgreSQL's
-- interval of days and time; intervals year to month as one of months.

create function oracle.days_between(oracle.date, oracle.date) returns numeric
    language sql immutable strict parallel safe
    return oracle.div(extract(epoch from $1::timestamp - $2::timestamp), 86400::numeric);

-- date + number of days, to the nearest second.
create function oracle.add_days(oracle.date, numeric) returns oracle.date
    language sql immutable strict parallel safe
    return oracle.date_from_seconds($1::timestamp + round($2 * 86400)::float8 * interval '1 second', 0);

create function oracle.month_end(timestamp) returns integer
    language sql immutable strict parallel safe
    return extract(day from date_trunc('month', $1) + interval '1 month' - interval '1 day')::integer;

-- ADD_MONTHS: the last day of a month stays the last day of a month.
create function oracle.add_months(value oracle.date, months numeric) returns oracle.date
    language plpgsql immutable strict parallel safe as $$
declare
    stamp timestamp := value::timestamp;
    result timestamp := stamp + make_interval(months => trunc(months)::integer);
begin
    if extract(day from stamp) = oracle.month_end(stamp) then
        result := date_trunc('month', result) + interval '1 month' - interval '1 day' + (stamp - date_trunc('day', stamp));
    end if;
    if extract(year from result) not between -4712 and 9999 then
        raise exception using errcode = 'ORA00',
            message = 'ORA-01841: (full) year must be between -4713 and +9999, and not be 0';
    end if;
    return oracle.date_from_seconds(result, 0);
end
$$;

-- value + INTERVAL YEAR TO MONTH: a day that the month does not have is an error.
create function oracle.add_ym(value timestamp, months interval) returns timestamp
    language plpgsql immutable strict parallel safe as $$
declare
    result timestamp := value + months;
begin
    if extract(day from result) <> extract(day from value) then
        raise exception using errcode = 'ORA00', message = 'ORA-01839: date not valid for month specified';
    end if;
    return result;
end
$$;

create function oracle.last_day(oracle.date) returns oracle.date
    language sql immutable strict parallel safe
    return oracle.date_from_seconds(date_trunc('month', $1::timestamp) + interval '1 month' - interval '1 day'
                                    + ($1::timestamp - date_trunc('day', $1::timestamp)), 0);

create function oracle.next_day(value oracle.date, name text) returns oracle.date
    language plpgsql immutable strict parallel safe as $$
declare
    wanted integer := array_position(array['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT'], upper(left(ltrim(name), 3))) - 1;
    steps integer;
begin
    if wanted is null then
        raise exception using errcode = 'ORA00', message = 'ORA-01846: not a valid day of the week';
    end if;
    steps := (wanted - extract(dow from value::timestamp)::integer + 7) % 7;
    return oracle.date_from_seconds(value::timestamp + make_interval(days => case when steps = 0 then 7 else steps end), 0);
end
$$;

create function oracle.months_between(a oracle.date, b oracle.date) returns numeric
    language plpgsql immutable strict parallel safe as $$
declare
    x timestamp := a::timestamp;
    y timestamp := b::timestamp;
    months integer := (extract(year from x) - extract(year from y)) * 12 + extract(month from x) - extract(month from y);
    day_x integer := extract(day from x);
    day_y integer := extract(day from y);
    seconds numeric;
begin
    if day_x = day_y or (day_x = oracle.month_end(x) and day_y = oracle.month_end(y)) then
        return months;
    end if;
    seconds := (day_x - day_y) * 86400 + extract(epoch from x::time) - extract(epoch from y::time);
    return oracle.num(months + oracle.div(seconds, 2678400::numeric));
end
$$;

-- Intervals ---------------------------------------------------------------------------------------------------

-- An interval day to second, rounded to microseconds, as days and time of one sign. Raises ORA-01873.
create function oracle.ds_of_seconds(seconds numeric) returns interval
    language plpgsql immutable strict parallel safe as $$
declare
    micros numeric := round(seconds, 6);
begin
    if abs(micros) >= 86400000000000 then
        raise exception using errcode = 'ORA00', message = 'ORA-01873: the leading precision of the interval is too small';
    end if;
    return make_interval(days => div(micros, 86400)::integer, secs => mod(micros, 86400)::float8);
end
$$;

create function oracle.numtodsinterval(numeric, text) returns interval
    language sql immutable parallel safe
    return oracle.ds_of_seconds($1 * case upper(btrim($2))
        when 'SECOND' then 1::numeric when 'MINUTE' then 60::numeric when 'HOUR' then 3600::numeric when 'DAY' then 86400::numeric
        else oracle.fail('ORA-01760: illegal argument for function', $2)::numeric end);

create function oracle.numtoyminterval(numeric, text) returns interval
    language sql immutable parallel safe
    return make_interval(months => round($1 * case upper(btrim($2))
        when 'MONTH' then 1::numeric when 'YEAR' then 12::numeric
        else oracle.fail('ORA-01760: illegal argument for function', $2)::numeric end)::integer);

create function oracle.ds_scale(interval, numeric) returns interval
    language sql immutable strict parallel safe
    return oracle.ds_of_seconds(extract(epoch from $1) * $2);

create function oracle.months_of(interval) returns integer
    language sql immutable strict parallel safe
    return (extract(year from $1) * 12 + extract(month from $1))::integer;

create function oracle.ym_scale(interval, numeric) returns interval
    language sql immutable strict parallel safe
    return make_interval(months => trunc(oracle.months_of($1) * $2)::integer);

-- '[+-]D HH:MI:SS[.F]' or ISO's '[-]PnDTnHnMnS'.
create function oracle.to_dsinterval(value text) returns interval
    language plpgsql immutable strict parallel safe as $$
declare
    part text[] := regexp_match(btrim(value), '^([+-]?)\s*(\d{1,9})\s+(\d{1,2}):(\d{1,2}):(\d{1,2}(?:\.\d{1,9})?)$');
    total numeric;
begin
    if part is not null then
        if part[3]::integer > 23 or part[4]::integer > 59 or part[5]::numeric >= 60 then
            raise exception using errcode = 'ORA00', message = case when part[3]::integer > 23
                then 'ORA-01850: hour must be between 0 and 23' when part[4]::integer > 59
                then 'ORA-01851: minutes must be between 0 and 59' else 'ORA-01852: seconds must be between 0 and 59' end;
        end if;
    else
        part := regexp_match(btrim(value),
            '^(-?)P(?=\d|T)(?:(\d{1,9})D)?(?:T(?=\d)(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d{1,9})?)S)?)?$');
        if part is null then
            raise exception using errcode = 'ORA00', message = 'ORA-01867: the interval is invalid';
        end if;
    end if;
    if part[5]::numeric <> round(part[5]::numeric, 6) then
        raise exception using errcode = 'ORA00',
            message = 'ORA-03001: unimplemented feature: more than six decimals of a second is not supported by the local database';
    end if;
    total := coalesce(part[2], '0')::numeric * 86400 + coalesce(part[3], '0')::numeric * 3600
        + coalesce(part[4], '0')::numeric * 60 + coalesce(part[5], '0')::numeric;
    return oracle.ds_of_seconds(case when part[1] = '-' then - total else total end);
end
$$;

-- '[+-]Y-M' or ISO's '[-]PnYnM'.
create function oracle.to_yminterval(value text) returns interval
    language plpgsql immutable strict parallel safe as $$
declare
    part text[] := regexp_match(btrim(value), '^([+-]?)\s*(\d{1,9})\s*-\s*(\d{1,2})$');
    total integer;
begin
    if part is null then
        part := regexp_match(btrim(value), '^(-?)P(?=\d)(?:(\d{1,9})Y)?(?:(\d{1,9})M)?$');
        if part is null then
            raise exception using errcode = 'ORA00', message = 'ORA-01867: the interval is invalid';
        end if;
    elsif part[3]::integer > 11 then
        raise exception using errcode = 'ORA00', message = 'ORA-01843: not a valid month';
    end if;
    total := coalesce(part[2], '0')::integer * 12 + coalesce(part[3], '0')::integer;
    return make_interval(months => case when part[1] = '-' then - total else total end);
end
$$;

-- The driver's form of an interval in a result: [-]D HH:MM:SS.FFFFFF, and a number of months.
create function oracle.ds_wire(interval) returns text
    language sql immutable parallel safe
    return case when extract(epoch from $1) < 0 then '-' else '' end
        || div(abs(extract(epoch from $1)), 86400)::text || ' '
        || to_char(make_interval(secs => mod(abs(extract(epoch from $1)), 86400)::float8), 'HH24:MI:SS.US');

create function oracle.ym_wire(interval) returns text
    language sql immutable strict parallel safe
    return oracle.months_of($1)::text;

-- What TO_CHAR shows: +000000001 02:03:04.000000000, with as many digits as the type has.
create function oracle.ds_text(value interval, days integer default 9, fraction integer default 9) returns text
    language sql immutable parallel safe
    return case when extract(epoch from value) < 0 then '-' else '+' end
        || lpad(div(abs(extract(epoch from value)), 86400)::text,
                greatest(days, length(div(abs(extract(epoch from value)), 86400)::text)), '0') || ' '
        || left(rpad(to_char(make_interval(secs => mod(abs(extract(epoch from value)), 86400)::float8), 'HH24:MI:SS.US'), 18, '0'),
                case fraction when 0 then 8 else 9 + fraction end);

create function oracle.ym_text(value interval, years integer default 9) returns text
    language sql immutable parallel safe
    return case when oracle.months_of(value) < 0 then '-' else '+' end
        || lpad((abs(oracle.months_of(value)) / 12)::text, greatest(years, length((abs(oracle.months_of(value)) / 12)::text)), '0')
        || '-' || lpad((abs(oracle.months_of(value)) % 12)::text, 2, '0');

-- Time zones ----------------------------------------------------------------------------------------------------

create function oracle.session_time_zone() returns text
    language sql stable parallel safe
    return coalesce(nullif(current_setting('oracle.time_zone', true), ''), '+00:00');

create function oracle.session_zone() returns integer
    language sql stable parallel safe
    return case oracle.session_time_zone() when '+00:00' then 0 else oracle.zone_number(oracle.session_time_zone()) end;

-- TIMESTAMP WITH LOCAL TIME ZONE is a moment (timestamptz), shown on the clock of the session.
create function oracle.local_time(timestamptz) returns timestamp
    language sql stable parallel safe
    return case when oracle.session_time_zone() in ('+00:00', 'UTC') then $1 at time zone 'UTC'
                else oracle.clock_in($1 at time zone 'UTC', oracle.session_zone()) end;

-- A clock's reading in the session's zone.
create function oracle.with_zone(timestamp) returns oracle.zoned
    language sql stable parallel safe
    return oracle.zoned_of($1, oracle.session_zone());

create function oracle.in_session_zone(timestamptz) returns oracle.zoned
    language sql stable parallel safe
    return oracle.zoned_at($1 at time zone 'UTC', oracle.session_zone());

create function oracle.in_zone(oracle.zoned, text) returns oracle.zoned
    language sql immutable parallel safe
    return oracle.zoned_at(oracle.utc($1), oracle.zone_number($2));

create function oracle.from_tz(timestamp, text) returns oracle.zoned
    language sql immutable parallel safe
    return oracle.zoned_of($1, oracle.zone_number($2));

-- A value plus months on its own clock.
create function oracle.zoned_add_ym(oracle.zoned, interval) returns oracle.zoned
    language sql immutable strict parallel safe
    return oracle.zoned_of(oracle.add_ym(oracle.clock($1), $2), oracle.zone_number($1));

create function oracle.tz_offset(zone text) returns text
    language sql stable strict parallel safe
    return oracle.offset_text(oracle.offset_of(oracle.zoned_at(statement_timestamp() at time zone 'UTC', oracle.zone_number($1))));

-- ROUND and TRUNC -------------------------------------------------------------------------------------------------

create function oracle.trunc(oracle.date) returns oracle.date
    language sql immutable strict parallel safe
    return oracle.date_from_seconds(date_trunc('day', $1::timestamp), 0);

create function oracle.round(oracle.date) returns oracle.date
    language sql immutable strict parallel safe
    return oracle.date_from_seconds(date_trunc('day', $1::timestamp + interval '12 hours'), 0);

-- The first moment of the unit that holds `stamp`. Raises ORA-01898.
create function oracle.unit_start(stamp timestamp, model text) returns timestamp
    language plpgsql immutable strict parallel safe as $$
declare
    day timestamp := date_trunc('day', stamp);
begin
    case upper(btrim(model))
        when 'CC', 'SCC' then
            return make_timestamp((ceil(extract(year from stamp) / 100)::integer - 1) * 100 + 1, 1, 1, 0, 0, 0);
        when 'SYYYY', 'YYYY', 'YEAR', 'SYEAR', 'YYY', 'YY', 'Y' then
            return date_trunc('year', stamp);
        when 'IYYY', 'IYY', 'IY', 'I' then
            return date_trunc('week', make_timestamp(extract(isoyear from stamp)::integer, 1, 4, 0, 0, 0));
        when 'Q' then
            return date_trunc('quarter', stamp);
        when 'MONTH', 'MON', 'MM', 'RM' then
            return date_trunc('month', stamp);
        when 'WW' then
            return day - make_interval(days => (extract(doy from stamp)::integer - 1) % 7);
        when 'IW' then
            return date_trunc('week', stamp);
        when 'W' then
            return day - make_interval(days => (extract(day from stamp)::integer - 1) % 7);
        when 'DDD', 'DD', 'J' then
            return day;
        when 'DAY', 'DY', 'D' then
            return day - make_interval(days => extract(dow from stamp)::integer);
        when 'HH', 'HH12', 'HH24' then
            return date_trunc('hour', stamp);
        when 'MI' then
            return date_trunc('minute', stamp);
        else
            raise exception using errcode = 'ORA00', message = 'ORA-01898: too many precision specifiers';
    end case;
end
$$;

create function oracle.trunc(oracle.date, text) returns oracle.date
    language sql immutable strict parallel safe
    return oracle.date_from_seconds(oracle.unit_start($1::timestamp, $2), 0);

-- ROUND: years from 1 July, quarters from the 16th of their second month, months from the 16th, the rest by half.
create function oracle.round(value oracle.date, model text) returns oracle.date
    language plpgsql immutable strict parallel safe as $$
declare
    stamp timestamp := value::timestamp;
    shifted timestamp;
begin
    case upper(btrim(model))
        when 'CC', 'SCC' then
            shifted := stamp + interval '50 years';
        when 'SYYYY', 'YYYY', 'YEAR', 'SYEAR', 'YYY', 'YY', 'Y' then
            shifted := date_trunc('month', stamp) + interval '6 months';
        when 'IYYY', 'IYY', 'IY', 'I' then
            shifted := date_trunc('month', stamp) + interval '6 months';
            shifted := date_trunc('year', shifted) + interval '3 days';
        when 'Q' then
            shifted := date_trunc('month', stamp) + case when extract(day from stamp) >= 16 then interval '2 months'
                                                         else interval '1 month' end;
        when 'MONTH', 'MON', 'MM', 'RM' then
            shifted := date_trunc('month', stamp) + case when extract(day from stamp) >= 16 then interval '1 month'
                                                         else interval '0' end;
        when 'WW', 'IW', 'W', 'DAY', 'DY', 'D' then
            shifted := stamp + interval '3 days 12 hours';
            if upper(btrim(model)) in ('WW', 'W') and oracle.unit_start(shifted, model) > oracle.unit_start(stamp, model)
               and stamp - oracle.unit_start(stamp, model) < interval '3 days 12 hours' then
                shifted := stamp; -- a short last week
            end if;
        when 'DDD', 'DD', 'J' then
            shifted := stamp + interval '12 hours';
        when 'HH', 'HH12', 'HH24' then
            shifted := stamp + interval '30 minutes';
        when 'MI' then
            shifted := stamp + interval '30 seconds';
        else
            shifted := stamp;
    end case;
    return oracle.date_from_seconds(oracle.unit_start(shifted, model), 0);
end
$$;
