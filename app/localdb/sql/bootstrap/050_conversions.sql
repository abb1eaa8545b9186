-- TO_CHAR of dates and times, and the format models that they share with TO_DATE.

-- Format models of dates ---------------------------------------------------------------------------------------

-- A format model in its elements: format words, quoted texts, single characters.
create function oracle.format_elements(format text) returns text[]
    language sql immutable strict parallel safe as $$
    select coalesce(array_agg(m[1] order by n), '{}') from regexp_matches(format,
        '("[^"]*"|A\.D\.|AD|B\.C\.|BC|A\.M\.|AM|P\.M\.|PM|SCC|CC|DAY|DY|DDD|DD|DL|DS|D|EE|E|FF[1-9]|FF|FM|FX|HH24|HH12|HH'
        '|IYYY|IYY|IY|IW|I|J|MI|MONTH|MON|MM|Q|RM|RRRR|RR|SSSSS|SS|SPTH|THSP|TH|SP|TZD|TZH|TZM|TZR|TS|WW|W|X'
        '|Y,YYY|SYEAR|YEAR|SYYYY|YYYY|YYY|YY|Y|.)', 'gi') with ordinality as t (m, n)
$$;

-- A word in the case of its format element: MONTH, Month, month.
create function oracle.word_case(element text) returns text
    language sql immutable parallel safe
    return case when left(element, 1) = lower(left(element, 1)) then lower(element)
                when substr(element, 2, 1) = lower(substr(element, 2, 1)) and substr(element, 2, 1) <> '.' then initcap(element)
                else upper(element) end;

-- A format model for DATE (kind D), TIMESTAMP (T) or TIMESTAMP WITH TIME ZONE (Z) in the words of PostgreSQL's
-- to_char. Raises ORA-01821.
create function oracle.datetime_format(format text, kind text) returns text
    language plpgsql immutable strict parallel safe as $$
declare
    element text;
    word text;
    fill text := '';
    result text := '';
begin
    foreach element in array oracle.format_elements(format) loop
        word := upper(element);
        case
            when word = 'FM' then
                fill := case fill when '' then 'FM' else '' end;
            when word = 'FX' then
                null; -- matters for input only
            when word like '"%"' then
                result := result || replace(element, '\', '\\');
            when word = '\' then
                result := result || '"\\"';
            when word !~ '[[:alnum:]"]' then
                result := result || element;
            when word in ('DAY', 'DY', 'MONTH', 'MON', 'RM') then
                result := result || fill || case when word = 'RM' and element <> 'rm' then 'RM' else oracle.word_case(element) end;
            when word in ('AD', 'A.D.', 'BC', 'B.C.', 'AM', 'A.M.', 'PM', 'P.M.') then
                result := result || case when left(element, 1) = left(word, 1) then word else lower(word) end;
            when word in ('RR', 'RRRR') then
                result := result || fill || repeat('Y', length(word));
            when word in ('SYYYY', 'SCC') then
                result := result || case fill when '' then '" "' else '' end || fill || substr(word, 2);
            when word in ('YYYY', 'YYY', 'YY', 'Y', 'Y,YYY', 'IYYY', 'IYY', 'IY', 'I', 'MM', 'DD', 'DDD', 'D', 'HH', 'HH12', 'HH24',
                          'MI', 'SS', 'J', 'Q', 'W', 'WW', 'IW', 'CC') then
                result := result || fill || word;
            when word = 'SSSSS' then
                result := result || case fill when '' then E'\x01SSSSS\x01' else 'SSSSS' end; -- see format_datetime
            when word = 'TH' then
                result := result || element;
            when word = 'X' then
                result := result || '.';
            when word = 'DL' then
                result := result || 'FMDay, FMMonth FMDD, YYYY';
            when word = 'DS' then
                result := result || 'FMMM/FMDD/YYYY';
            when word = 'TS' then
                result := result || 'FMHH12:MI:SS AM';
            when word like 'FF%' and kind <> 'D' then
                word := case word when 'FF' then '6' else substr(word, 3) end;
                result := result || 'FF' || least(word::integer, 6)
                    || case when word::integer > 6 then '"' || repeat('0', word::integer - 6) || '"' else '' end;
            when word in ('TZH', 'TZM', 'TZR', 'TZD') and kind = 'Z' then
                result := result || '"' || E'\x02' || right(word, 1) || '"'; -- see format_datetime
            when word in ('SP', 'SPTH', 'THSP', 'YEAR', 'SYEAR', 'E', 'EE') then
                raise exception using errcode = 'ORA00',
                    message = format('ORA-03001: unimplemented feature: the format element %s', word);
            else
                raise exception using errcode = 'ORA00', message = 'ORA-01821: date format not recognized';
        end case;
    end loop;
    return result;
end
$$;

-- SSSSS has five digits in Oracle and as many as it needs in PostgreSQL: datetime_format marks it.
create function oracle.five_digits(text) returns text
    language sql immutable strict parallel safe
    return regexp_replace(regexp_replace($1, E'\x01(\\d+)\x01', E'\x010000\\1\x01'), E'\x01\\d*(\\d{5})\x01', '\1');

create function oracle.format_datetime(timestamp, text) returns text
    language sql stable parallel safe
    return case when position(E'\x01' in $2) > 0 then oracle.five_digits(to_char($1, $2)) else nullif(to_char($1, $2), '') end;

-- The same in an index or a virtual column: nothing but the value decides. (PostgreSQL's to_char heeds its locale for TM only.)
create function oracle.fixed_datetime(timestamp, text) returns text
    language sql immutable parallel safe
    return oracle.format_datetime($1, $2);

-- What the elements of the zone show, where datetime_format marked them.
create function oracle.show_zone(shown text, value oracle.zoned) returns text
    language plpgsql stable strict as $$
declare
    away text := oracle.offset_text(oracle.offset_of(value));
begin
    shown := replace(shown, E'\x02H', left(away, 3));
    shown := replace(shown, E'\x02M', right(away, 2));
    shown := replace(shown, E'\x02R', oracle.zone_text(oracle.zone_number(value)));
    if position(E'\x02D' in shown) > 0 then
        shown := replace(shown, E'\x02D', coalesce(oracle.zone_abbreviation(value), ''));
    end if;
    return nullif(shown, '');
end
$$;

create function oracle.format_datetime(oracle.zoned, text) returns text
    language sql stable
    return case when position(E'\x02' in $2) > 0
                then oracle.show_zone(oracle.format_datetime(oracle.clock($1), $2), $1)
                else oracle.format_datetime(oracle.clock($1), $2) end;

create function oracle.fixed_datetime(oracle.zoned, text) returns text
    language sql immutable
    return oracle.format_datetime($1, $2);

-- Without a format: the session's.
create function oracle.to_char(oracle.date) returns text
    language sql stable parallel safe
    return case coalesce(nullif(current_setting('oracle.nls_date_format', true), ''), 'DD-MON-RR')
           when 'DD-MON-RR' then to_char($1::timestamp, 'DD-MON-YY')
           when 'YYYY-MM-DD HH24:MI:SS' then to_char($1::timestamp, 'YYYY-MM-DD HH24:MI:SS')
           else oracle.format_datetime($1::timestamp, oracle.datetime_format(current_setting('oracle.nls_date_format'), 'D')) end;

create function oracle.to_char(timestamp) returns text
    language sql stable parallel safe
    return case coalesce(nullif(current_setting('oracle.nls_timestamp_format', true), ''), 'DD-MON-RR HH.MI.SSXFF AM')
           when 'DD-MON-RR HH.MI.SSXFF AM' then to_char($1, 'DD-MON-YY HH.MI.SS.FF6 AM')
           else oracle.format_datetime($1, oracle.datetime_format(current_setting('oracle.nls_timestamp_format'), 'T')) end;

create function oracle.to_char(oracle.zoned) returns text
    language sql stable
    return case coalesce(nullif(current_setting('oracle.nls_timestamp_tz_format', true), ''), 'DD-MON-RR HH.MI.SSXFF AM TZR')
           when 'DD-MON-RR HH.MI.SSXFF AM TZR'
           then to_char(oracle.clock($1), 'DD-MON-YY HH.MI.SS.FF6 AM ') || oracle.zone_text(oracle.zone_number($1))
           else oracle.format_datetime($1, oracle.datetime_format(current_setting('oracle.nls_timestamp_tz_format'), 'Z')) end;
