-- TO_CHAR, TO_DATE, TO_TIMESTAMP, TO_NUMBER and their format models.

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
            when word in ('TZH', 'TZM') and kind = 'Z' then
                result := result || word;
            when word = 'TZR' and kind = 'Z' then
                result := result || '"+00:00"'; -- moments are kept in UTC
            when word = 'TZD' and kind = 'Z' then
                null; -- an offset has no abbreviation
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

create function oracle.format_datetime(timestamptz, text) returns text
    language sql stable parallel safe
    return case when position(E'\x01' in $2) > 0 then oracle.five_digits(to_char($1, $2)) else nullif(to_char($1, $2), '') end;

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

create function oracle.to_char(timestamptz) returns text
    language sql stable parallel safe
    return case coalesce(nullif(current_setting('oracle.nls_timestamp_tz_format', true), ''), 'DD-MON-RR HH.MI.SSXFF AM TZR')
           when 'DD-MON-RR HH.MI.SSXFF AM TZR' then to_char($1, 'DD-MON-YY HH.MI.SS.FF6 AM "+00:00"')
           else oracle.format_datetime($1, oracle.datetime_format(current_setting('oracle.nls_timestamp_tz_format'), 'Z')) end;

-- Reading dates ------------------------------------------------------------------------------------------------

create function oracle.bad_date(code text) returns void
    language plpgsql immutable parallel safe as $$
begin
    raise exception using errcode = 'ORA00', message = 'ORA-' || code || ': ' || case code
        when '01810' then 'format code appears twice'
        when '01818' then '''HH24'' precludes use of meridian indicator'
        when '01820' then 'format code cannot appear in date input format'
        when '01821' then 'date format not recognized'
        when '01830' then 'date format picture ends before converting entire input string'
        when '01835' then 'day of week conflicts with Julian date'
        when '01836' then 'hour conflicts with seconds in day'
        when '01839' then 'date not valid for month specified'
        when '01840' then 'input value not long enough for date format'
        when '01841' then '(full) year must be between -4713 and +9999, and not be 0'
        when '01843' then 'not a valid month'
        when '01846' then 'not a valid day of the week'
        when '01847' then 'day of month must be between 1 and last day of month'
        when '01848' then 'day of year must be between 1 and 365 (366 for leap year)'
        when '01849' then 'hour must be between 1 and 12'
        when '01850' then 'hour must be between 0 and 23'
        when '01851' then 'minutes must be between 0 and 59'
        when '01852' then 'seconds must be between 0 and 59'
        when '01853' then 'seconds in day must be between 0 and 86399'
        when '01854' then 'julian date must be between 1 and 5373484'
        when '01855' then 'AM/A.M. or PM/P.M. required'
        when '01857' then 'not a valid time zone'
        when '01858' then 'a non-numeric character was found where a numeric was expected'
        when '01861' then 'literal does not match format string'
        when '01862' then 'the numeric value does not match the length of the format item'
        else 'invalid date' end;
end
$$;

-- Reads a text by a format model: the clock's reading, and the zone when there is one.
create function oracle.read_datetime(value text, format text, kind text, out stamp timestamp, out zone text)
    language plpgsql stable strict parallel safe as $$
declare
    months constant text[] := array['JANUARY', 'FEBRUARY', 'MARCH', 'APRIL', 'MAY', 'JUNE', 'JULY', 'AUGUST', 'SEPTEMBER',
                                    'OCTOBER', 'NOVEMBER', 'DECEMBER'];
    romans constant text[] := array['I', 'II', 'III', 'IV', 'V', 'VI', 'VII', 'VIII', 'IX', 'X', 'XI', 'XII'];
    days constant text[] := array['SUNDAY', 'MONDAY', 'TUESDAY', 'WEDNESDAY', 'THURSDAY', 'FRIDAY', 'SATURDAY'];
    widths constant jsonb := '{"YYYY": 4, "SYYYY": 4, "RRRR": 4, "YYY": 3, "YY": 2, "RR": 2, "Y": 1, "MM": 2, "DD": 2, "DDD": 3, "J": 7,
        "HH": 2, "HH12": 2, "HH24": 2, "MI": 2, "SS": 2, "SSSSS": 5, "TZH": 2, "TZM": 2, "D": 1}';
    clock constant text[] := array['HH', 'HH12', 'HH24', 'MI', 'SS', 'SSSSS', 'AM', 'PM', 'A.M.', 'P.M.', 'X', 'TZH', 'TZM', 'TZR', 'TZD'];
    elements text[] := oracle.format_elements(format);
    rest text := rtrim(value, E' \t\n\r');
    word text;
    following text;
    digits text;
    width integer;
    full_width boolean := true;
    exact boolean := false;
    fill boolean := false;
    negative boolean;
    number integer;
    today timestamp := date_trunc('day', oracle.local_time(statement_timestamp()));
    year integer;
    month integer;
    day integer;
    day_of_year integer;
    julian integer;
    hour integer;
    minute integer := 0;
    second integer := 0;
    micros numeric := 0;
    seconds_of_day integer;
    afternoon boolean;
    half_day boolean := false;
    week_day integer;
    zone_hour text;
    zone_minute text;
    seen text[] := '{}';
    found text;
begin
    for place in 1 .. cardinality(elements) loop
        word := upper(elements[place]);
        following := upper(coalesce(elements[place + 1], ''));
        if word = 'FM' then
            fill := not fill;
            continue;
        elsif word = 'FX' then
            exact := not exact;
            continue;
        elsif word like '"%"' then
            found := substr(elements[place], 2, length(word) - 2);
            if left(rest, length(found)) <> found then
                perform oracle.bad_date(case when rest = '' then '01840' else '01861' end);
            end if;
            rest := substr(rest, length(found) + 1);
            continue;
        elsif word !~ '[[:alnum:]"]' then
            if rest = '' then
                continue;
            elsif exact then
                if left(rest, 1) <> word then
                    perform oracle.bad_date('01861');
                end if;
                rest := substr(rest, 2);
            elsif rest ~ '^\s' then
                rest := ltrim(rest, E' \t\n\r');
                if word <> ' ' and left(rest, 1) = word then
                    rest := substr(rest, 2);
                end if;
            elsif left(rest, 1) !~ '[[:alnum:]]' then
                if not (following = 'TZH' and word = ' ' and left(rest, 1) in ('+', '-')) then
                    rest := substr(rest, 2);
                end if;
            elsif word <> ' ' or left(rest, 1) !~ '\d' then
                if not (full_width and left(rest, 1) ~ '\d' and (widths ? following or following like 'FF%')) then
                    perform oracle.bad_date('01861');
                end if;
            end if;
            continue;
        end if;

        if not exact then
            rest := ltrim(rest, E' \t\n\r');
        end if;
        if word in ('IYYY', 'IYY', 'IY', 'I', 'IW', 'WW', 'W', 'Q', 'CC', 'SCC', 'TH', 'SP', 'SPTH', 'THSP') then
            perform oracle.bad_date('01820');
        elsif word in ('YEAR', 'SYEAR', 'E', 'EE', 'DL', 'DS', 'TS') then
            raise exception using errcode = 'ORA00',
                message = format('ORA-03001: unimplemented feature: the format element %s for input', word);
        end if;
        found := case when word in ('YYYY', 'SYYYY', 'RRRR', 'YYY', 'YY', 'RR', 'Y', 'Y,YYY') then 'year'
                      when word in ('MM', 'MON', 'MONTH', 'RM') then 'month'
                      when word in ('HH', 'HH12', 'HH24') then 'hour'
                      when word in ('AM', 'PM', 'A.M.', 'P.M.') then 'AM'
                      when word like 'FF%' then 'FF' else word end;
        if found = any (seen) and word <> 'X' then
            perform oracle.bad_date('01810');
        end if;
        seen := seen || found;
        if (word like 'FF%' or word like 'TZ%') and kind = 'D' or word like 'TZ%' and kind = 'T' then
            perform oracle.bad_date('01821');
        end if;
        if rest = '' then
            if word = any (clock) or word like 'FF%' then
                continue; -- a time that is left out is midnight
            end if;
            perform oracle.bad_date('01840');
        end if;

        if word like 'FF%' then
            digits := substring(rest from '^\d{1,9}');
            if digits is null then
                perform oracle.bad_date('01858');
            end if;
            rest := substr(rest, length(digits) + 1);
            if substr(digits, 7) ~ '[1-9]' then
                raise exception using errcode = 'ORA00',
                    message = 'ORA-03001: unimplemented feature: more than six decimals of a second are not supported by the local database';
            end if;
            micros := round(('0.' || digits)::numeric * 1000000);
        elsif word = 'X' then
            if left(rest, 1) in ('.', ',') then
                rest := substr(rest, 2);
            end if;
        elsif word in ('AM', 'PM', 'A.M.', 'P.M.') then
            digits := substring(rest from case when word like '%.%' then '(?i)^[AP]\.M\.' else '(?i)^[AP]M' end);
            if digits is null then
                perform oracle.bad_date('01855');
            end if;
            afternoon := upper(left(digits, 1)) = 'P';
            rest := substr(rest, length(digits) + 1);
        elsif word in ('AD', 'A.D.', 'BC', 'B.C.') then
            digits := substring(rest from case when word like '%.%' then '(?i)^(?:A\.D\.|B\.C\.)' else '(?i)^(?:AD|BC)' end);
            if digits is null or upper(left(digits, 1)) = 'B' then
                raise exception using errcode = 'ORA00', message = case when digits is null
                    then 'ORA-01856: BC/B.C. or AD/A.D. required'
                    else 'ORA-03001: unimplemented feature: years before Christ are not supported by the local database' end;
            end if;
            rest := substr(rest, length(digits) + 1);
        elsif word in ('MON', 'MONTH') or (word = 'MM' and not exact and rest ~ '^[A-Za-z]') then
            month := null;
            for candidate in 1 .. 12 loop
                if upper(left(rest, 3)) = left(months[candidate], 3) then
                    month := candidate;
                    rest := substr(rest, case when upper(left(rest, length(months[candidate]))) = months[candidate]
                                              then length(months[candidate]) + 1 else 4 end);
                    exit;
                end if;
            end loop;
            if month is null then
                perform oracle.bad_date('01843');
            end if;
            full_width := true;
        elsif word = 'RM' then
            digits := upper(substring(rest from '(?i)^[IVX]+'));
            month := array_position(romans, digits);
            if month is null then
                perform oracle.bad_date('01843');
            end if;
            rest := substr(rest, length(digits) + 1);
        elsif word in ('DAY', 'DY') then
            for candidate in 1 .. 7 loop
                if upper(left(rest, 3)) = left(days[candidate], 3) then
                    week_day := candidate - 1;
                    rest := substr(rest, case when upper(left(rest, length(days[candidate]))) = days[candidate]
                                              then length(days[candidate]) + 1 else 4 end);
                    exit;
                end if;
            end loop;
            if week_day is null then
                perform oracle.bad_date('01846');
            end if;
        elsif word in ('TZR', 'TZD') then
            digits := substring(rest from '^[+-]?\d{1,2}:\d{2}|^[A-Za-z][A-Za-z0-9_/+-]*');
            if digits is null then
                perform oracle.bad_date('01857');
            end if;
            if word = 'TZR' then
                zone := digits;
            end if;
            rest := substr(rest, length(digits) + 1);
        elsif word = 'Y,YYY' then
            digits := substring(rest from '^\d,\d{3}');
            if digits is null then
                perform oracle.bad_date('01841');
            end if;
            year := replace(digits, ',', '');
            rest := substr(rest, 6);
        elsif widths ? word then
            width := (widths ->> word)::integer;
            negative := false;
            if word in ('SYYYY', 'TZH') and left(rest, 1) in ('+', '-') then
                negative := left(rest, 1) = '-';
                rest := substr(rest, 2);
            end if;
            if word in ('YY', 'RR') and rest ~ '^\d{4}(\D|$)' and not exact then
                width := 4;
            end if;
            digits := substring(rest from format('^\d{1,%s}', width));
            if digits is null then
                perform oracle.bad_date(case when word in ('YYYY', 'SYYYY', 'RRRR') then '01841'
                                             when word = 'MM' then '01843' else '01858' end);
            end if;
            full_width := length(digits) = width;
            if exact and not fill and not full_width then
                perform oracle.bad_date('01862');
            end if;
            rest := substr(rest, length(digits) + 1);
            number := digits;
            case word
                when 'YYYY', 'SYYYY' then
                    year := case when negative then - number else number end;
                when 'RRRR', 'RR' then
                    year := number;
                    if length(digits) <= 2 then
                        year := number + extract(year from today)::integer / 100 * 100;
                        if number < 50 and extract(year from today)::integer % 100 >= 50 then
                            year := year + 100;
                        elsif number >= 50 and extract(year from today)::integer % 100 < 50 then
                            year := year - 100;
                        end if;
                    end if;
                when 'YYY', 'YY', 'Y' then
                    width := power(10, least((widths ->> word)::integer, length(word)));
                    year := case when length(digits) = 4 then number
                                 else extract(year from today)::integer / width * width + number end;
                when 'MM' then
                    month := number;
                    if month not between 1 and 12 then
                        perform oracle.bad_date('01843');
                    end if;
                when 'DD' then
                    day := number;
                    if day not between 1 and 31 then
                        perform oracle.bad_date('01847');
                    end if;
                when 'DDD' then
                    day_of_year := number;
                    if number not between 1 and 366 then
                        perform oracle.bad_date('01848');
                    end if;
                when 'J' then
                    julian := number;
                    if number not between 1 and 5373484 then
                        perform oracle.bad_date('01854');
                    end if;
                when 'HH24' then
                    hour := number;
                    if number > 23 then
                        perform oracle.bad_date('01850');
                    end if;
                when 'HH', 'HH12' then
                    hour := number;
                    half_day := true;
                    if number not between 1 and 12 then
                        perform oracle.bad_date('01849');
                    end if;
                when 'MI' then
                    minute := number;
                    if number > 59 then
                        perform oracle.bad_date('01851');
                    end if;
                when 'SS' then
                    second := number;
                    if number > 59 then
                        perform oracle.bad_date('01852');
                    end if;
                when 'SSSSS' then
                    seconds_of_day := number;
                    if number > 86399 then
                        perform oracle.bad_date('01853');
                    end if;
                when 'TZH' then
                    zone_hour := case when negative then '-' else '+' end || lpad(digits, 2, '0');
                when 'TZM' then
                    zone_minute := lpad(digits, 2, '0');
                when 'D' then
                    week_day := number - 1;
                    if number not between 1 and 7 then
                        perform oracle.bad_date('01846');
                    end if;
            end case;
        else
            perform oracle.bad_date('01821');
        end if;
    end loop;
    if rest <> '' then
        perform oracle.bad_date('01830');
    end if;

    if afternoon is not null and hour is not null then
        if not half_day then
            perform oracle.bad_date('01818');
        end if;
        hour := hour % 12 + case when afternoon then 12 else 0 end;
    elsif half_day and hour = 12 then
        hour := 0;
    end if;
    if julian is not null then
        stamp := timestamp '2000-01-01' + make_interval(days => julian - 2451545);
    else
        year := coalesce(year, extract(year from today)::integer);
        if year not between 1 and 9999 then
            if year between -4712 and -1 then
                raise exception using errcode = 'ORA00',
                    message = 'ORA-03001: unimplemented feature: years before Christ are not supported by the local database';
            end if;
            perform oracle.bad_date('01841');
        end if;
        if day_of_year is not null then
            stamp := make_timestamp(year, 1, 1, 0, 0, 0) + make_interval(days => day_of_year - 1);
            if extract(year from stamp) <> year then
                perform oracle.bad_date('01848');
            end if;
        else
            stamp := make_timestamp(year, coalesce(month, extract(month from today)::integer), 1, 0, 0, 0);
            if coalesce(day, 1) > oracle.month_end(stamp) then
                perform oracle.bad_date('01839');
            end if;
            stamp := stamp + make_interval(days => coalesce(day, 1) - 1);
        end if;
    end if;
    if week_day is not null and week_day <> extract(dow from stamp) then
        perform oracle.bad_date('01835');
    end if;
    if seconds_of_day is not null then
        stamp := stamp + make_interval(secs => seconds_of_day);
    else
        stamp := stamp + make_interval(hours => coalesce(hour, 0), mins => minute, secs => second);
    end if;
    stamp := stamp + micros::float8 * interval '1 microsecond';
    if zone_hour is not null then
        zone := zone_hour || ':' || coalesce(zone_minute, '00');
    end if;
end
$$;

-- The forms that programs send most are read by PostgreSQL itself; all others, and every error, by read_datetime.
create function oracle.to_timestamp(text, text) returns timestamp
    language sql stable parallel safe
    return case when $2 in ('YYYY-MM-DD HH24:MI:SS', 'YYYY-MM-DD HH24:MI:SS.FF', 'YYYY-MM-DD HH24:MI:SS.FF6', 'YYYY-MM-DD"T"HH24:MI:SS',
                            'YYYY-MM-DD"T"HH24:MI:SS.FF', 'YYYY-MM-DD"T"HH24:MI:SS.FF6')
                     and $1 ~ '^[12]\d{3}-(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])[ T](?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,6})?$'
                     and (position('T' in $1) > 0) = (position('T' in $2) > 0) and ($1 !~ '\.' or $2 ~ 'FF')
                then $1::timestamp
                else (oracle.read_datetime($1, $2, 'T')).stamp end;

create function oracle.to_timestamp(text) returns timestamp
    language sql stable strict parallel safe
    return oracle.to_timestamp($1, coalesce(nullif(current_setting('oracle.nls_timestamp_format', true), ''), 'DD-MON-RR HH.MI.SSXFF AM'));

create function oracle.to_date(text, text) returns oracle.date
    language sql stable parallel safe
    return oracle.date_from_seconds(
        case when $2 in ('YYYY-MM-DD', 'yyyy-mm-dd') and $1 ~ '^[12]\d{3}-(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])$' then $1::timestamp
             when $2 = 'YYYY-MM-DD HH24:MI:SS'
                  and $1 ~ '^[12]\d{3}-(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8]) (?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d$' then $1::timestamp
             else (oracle.read_datetime($1, $2, 'D')).stamp end, 0);

create function oracle.to_date(text) returns oracle.date
    language sql stable strict parallel safe
    return oracle.to_date($1, coalesce(nullif(current_setting('oracle.nls_date_format', true), ''), 'DD-MON-RR'));

create function oracle.to_timestamp_tz(value text, format text) returns timestamptz
    language plpgsql stable strict parallel safe as $$
declare
    read record := oracle.read_datetime(value, format, 'Z');
begin
    return oracle.from_tz(read.stamp, coalesce(read.zone, oracle.session_time_zone()));
end
$$;

create function oracle.to_timestamp_tz(text) returns timestamptz
    language sql stable strict parallel safe
    return oracle.to_timestamp_tz($1,
        coalesce(nullif(current_setting('oracle.nls_timestamp_tz_format', true), ''), 'DD-MON-RR HH.MI.SSXFF AM TZR'));

-- The third argument, NLS_DATE_LANGUAGE: English only.
create function oracle.checked_language(parameters text) returns void
    language plpgsql immutable parallel safe as $$
begin
    if upper(parameters) !~ '^\s*NLS_DATE_LANGUAGE\s*=\s*''?(AMERICAN|ENGLISH)''?\s*$' then
        raise exception using errcode = 'ORA00',
            message = format('ORA-03001: unimplemented feature: the NLS parameters %s', parameters);
    end if;
end
$$;

create function oracle.to_date(value text, format text, parameters text) returns oracle.date
    language plpgsql stable parallel safe as $$
begin
    perform oracle.checked_language(parameters);
    return oracle.to_date(value, format);
end
$$;

create function oracle.to_timestamp(value text, format text, parameters text) returns timestamp
    language plpgsql stable parallel safe as $$
begin
    perform oracle.checked_language(parameters);
    return oracle.to_timestamp(value, format);
end
$$;

create function oracle.to_timestamp_tz(value text, format text, parameters text) returns timestamptz
    language plpgsql stable parallel safe as $$
begin
    perform oracle.checked_language(parameters);
    return oracle.to_timestamp_tz(value, format);
end
$$;

-- Numbers -------------------------------------------------------------------------------------------------------

create function oracle.text_number(value text) returns numeric
    language plpgsql stable strict parallel safe as $$
declare
    written text := btrim(value, E' \t\n\r');
begin
    if oracle.decimal_point() <> '.' then
        written := translate(written, oracle.decimal_point() || '.', '.?');
    end if;
    if written !~ '^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?$' then
        raise exception using errcode = 'ORA00', message = 'ORA-01722: invalid number';
    end if;
    return oracle.num(trim_scale(written::numeric));
end
$$;

create function oracle.to_number(text) returns numeric
    language sql stable parallel safe
    return case when $1 ~ '^-?\d{1,30}$' then $1::numeric else oracle.text_number($1) end;

create function oracle.to_double(value text) returns float8
    language plpgsql immutable strict parallel safe as $$
declare
    written text := upper(btrim(value));
begin
    if written ~ '^[+-]?(\d+\.?\d*|\.\d+)(E[+-]?\d{1,3})?[DF]?$' then
        return rtrim(written, 'DF')::float8;
    elsif written ~ '^[+-]?(INF|INFINITY)$' then
        return case when written like '-%' then '-Infinity'::float8 else 'Infinity'::float8 end;
    elsif written ~ '^[+-]?NAN$' then
        return 'NaN';
    end if;
    raise exception using errcode = 'ORA00', message = 'ORA-01722: invalid number';
end
$$;

create function oracle.to_boolean(value text) returns boolean
    language plpgsql immutable strict parallel safe as $$
begin
    case lower(btrim(value))
        when 'true', 't', 'yes', 'y', 'on', '1' then return true;
        when 'false', 'f', 'no', 'n', 'off', '0' then return false;
        else raise exception using errcode = 'ORA00', message = 'ORA-61800: invalid boolean literal: ' || value;
    end case;
end
$$;

-- TO_CHAR(number, format).
create function oracle.to_char(value numeric, format text) returns text
    language plpgsql stable strict parallel safe as $$
declare
    model text := upper(format);
    fill boolean := false; -- FM
    sign text := ''; -- S before, S after (Z), MI, PR
    money text := '';
    money_width integer := 0;
    blank boolean := false; -- B
    point text;
    separator text;
    whole_model text;
    part_model text := '';
    whole text;
    part text := '';
    shift integer;
    rounded numeric;
    result text := '';
    width integer;
    used integer := 0;
    zero_from integer;
    one text;
begin
    if model like 'FM%' then
        fill := true;
        model := substr(model, 3);
    end if;
    if model in ('TM', 'TM9') then
        return oracle.num_text(value);
    elsif model = 'TME' then
        return oracle.num_scientific(value);
    elsif model ~ '^0*X+$' then
        return oracle.hex_text(value, format, fill);
    elsif model = 'RN' then
        if round(value) not between 1 and 3999 then
            return repeat('#', 15);
        end if;
        result := to_char(round(value)::integer, case when fill then 'FMRN' else 'RN' end);
        return case when substring(format from '(?i)RN') = 'rn' then lower(result) else result end;
    elsif model ~ 'EEEE$' then
        return oracle.exponent_text(value, left(model, -4), fill);
    end if;
    if model ~ '^S' then
        sign := 'S';
        model := substr(model, 2);
    elsif model ~ 'S$' then
        sign := 'Z';
        model := left(model, -1);
    elsif model ~ '(MI|PR)$' then
        sign := right(model, 2);
        model := left(model, -2);
    end if;
    if model ~ 'B' then
        blank := true;
        model := regexp_replace(model, 'B', '');
    end if;
    if model ~ '\$' then
        money := '$';
        money_width := 1;
        model := regexp_replace(model, '\$', '');
    elsif model ~ '^[LU]' or model ~ '[LU]$' then
        money := '$';
        money_width := 10; -- of the longest currency symbol
        model := btrim(model, 'LU');
    elsif model ~ '^C' then
        money := 'USD';
        money_width := 7;
        model := substr(model, 2);
    end if;
    if model !~ '^[09,G]*([.D][09]*|V[09]+)?$' or model !~ '[09]' then
        raise exception using errcode = 'ORA00', message = 'ORA-01481: invalid number format model';
    end if;
    if (model ~ '[.,]' and model ~ '[DG]') or model ~ '^[,G]' then
        raise exception using errcode = 'ORA00', message = 'ORA-01481: invalid number format model';
    end if;
    if model ~ 'V' then
        shift := length(split_part(model, 'V', 2));
        value := value * power(10::numeric, shift);
        model := replace(model, 'V', '');
    end if;
    point := case when model ~ 'D' then oracle.decimal_point() else '.' end;
    separator := case when model ~ 'G'
        then coalesce(nullif(substr(current_setting('oracle.nls_numeric_characters', true), 2, 1), ''), ',') else ',' end;
    whole_model := regexp_replace(model, '[.D].*$', '');
    if model ~ '[.D]' then
        part_model := regexp_replace(model, '^.*[.D]', '');
    end if;
    width := length(model) + money_width + case sign when 'PR' then 2 else 1 end;
    rounded := round(abs(value), length(part_model));
    whole := trunc(rounded)::text;
    if length(whole) > length(regexp_replace(whole_model, '[^09]', '', 'g')) and whole <> '0' then
        return repeat('#', width);
    end if;
    if part_model <> '' then
        part := split_part(rounded::text, '.', 2);
        if fill then
            zero_from := length(part_model) - length(regexp_replace(part_model, '^.*0', ''));
            zero_from := case when part_model ~ '0' then zero_from else 0 end;
            while length(part) > zero_from and right(part, 1) = '0' loop
                part := left(part, -1);
            end loop;
        end if;
    end if;
    if whole = '0' and part_model <> '' and not (fill and rounded = 0 and whole_model ~ '9') then
        whole := '';
    end if;
    zero_from := coalesce(nullif(position('0' in whole_model), 0), 2147483647);
    for place in reverse length(whole_model) .. 1 loop
        one := substr(whole_model, place, 1);
        if one in (',', 'G') then
            if used < length(whole) or place > zero_from then
                result := separator || result;
            end if;
        elsif used < length(whole) then
            result := substr(whole, length(whole) - used, 1) || result;
            used := used + 1;
        elsif place >= zero_from then
            result := '0' || result;
        end if;
    end loop;
    if model ~ '[.D]' then
        result := result || point || part;
    end if;
    if blank and trunc(rounded) = 0 and rounded = 0 then
        return case when fill then null else repeat(' ', width) end;
    end if;
    result := money || result;
    case sign
        when '' then
            result := case when value < 0 then '-' else case when fill then '' else ' ' end end || result;
        when 'S' then
            result := case when value < 0 then '-' else '+' end || result;
        when 'Z' then
            result := result || case when value < 0 then '-' else '+' end;
        when 'MI' then
            result := result || case when value < 0 then '-' when fill then '' else ' ' end;
        when 'PR' then
            result := case when value < 0 then '<' || result || '>' when fill then result else ' ' || result || ' ' end;
    end case;
    return case when fill then result else lpad(result, greatest(width, length(result))) end;
end
$$;

-- TO_CHAR(number, 'XXXX').
create function oracle.hex_text(value numeric, format text, fill boolean) returns text
    language plpgsql immutable strict parallel safe as $$
declare
    model text := regexp_replace(format, '^FM', '', 'i');
    rest numeric := round(value);
    digits text := '';
begin
    if rest < 0 then
        return repeat('#', length(model) + 1);
    end if;
    while rest > 0 loop
        digits := to_hex(mod(rest, 16)::integer) || digits;
        rest := div(rest, 16);
    end loop;
    digits := coalesce(nullif(digits, ''), '0');
    if length(digits) > length(model) then
        return repeat('#', length(model) + 1);
    end if;
    if model like '0%' then
        digits := lpad(digits, length(model), '0');
    end if;
    digits := case when model ~ 'x' then digits else upper(digits) end;
    return case when fill then digits else lpad(digits, length(model) + 1) end;
end
$$;

-- TO_CHAR(number, '9.99EEEE').
create function oracle.exponent_text(value numeric, model text, fill boolean) returns text
    language plpgsql immutable strict parallel safe as $$
declare
    sign text := case when value < 0 then '-' when fill then '' else ' ' end;
    places integer := length(regexp_replace(model, '^[^.D]*[.D]?', ''));
    exponent integer := 0;
    mantissa numeric := abs(value);
    result text;
begin
    if model ~ '^S' then
        sign := case when value < 0 then '-' else '+' end;
        model := substr(model, 2);
    end if;
    if model !~ '^[09]+([.D][09]*)?$' then
        raise exception using errcode = 'ORA00', message = 'ORA-01481: invalid number format model';
    end if;
    if mantissa <> 0 then
        exponent := floor(log(mantissa))::integer;
        mantissa := round(mantissa * power(10::numeric, - exponent), places);
        if mantissa >= 10 then
            exponent := exponent + 1;
            mantissa := round(mantissa / 10, places);
        end if;
    else
        mantissa := round(mantissa, places);
    end if;
    result := sign || mantissa::text || 'E' || case when exponent < 0 then '-' else '+' end
        || lpad(abs(exponent)::text, greatest(2, length(abs(exponent)::text)), '0');
    return case when fill then result else lpad(result, 1 + 1 + case when places > 0 then places + 1 else 0 end + 5) end;
end
$$;

-- TO_NUMBER(text, format).
create function oracle.to_number(value text, format text) returns numeric
    language plpgsql stable strict parallel safe as $$
declare
    model text := upper(regexp_replace(format, '^FM', '', 'i'));
    written text := btrim(value);
    negative boolean := false;
    whole_model text;
    part_model text;
    result numeric := 0;
begin
    if model ~ '^0*X+$' then
        if written !~ '^[0-9A-Fa-f]+$' or length(written) > length(model) then
            raise exception using errcode = 'ORA00', message = 'ORA-01722: invalid number';
        end if;
        for place in 1 .. length(written) loop
            result := result * 16 + position(lower(substr(written, place, 1)) in '0123456789abcdef') - 1;
        end loop;
        return result;
    elsif model in ('TM', 'TM9', 'TME') or model ~ 'EEEE$' then
        return oracle.text_number(value);
    end if;
    if model ~ 'PR$' and written ~ '^<.*>$' then
        negative := true;
        written := btrim(written, '<>');
    elsif model ~ '(MI|S)$' and written ~ '[+-]$' then
        negative := right(written, 1) = '-';
        written := rtrim(left(written, -1));
    elsif written ~ '^[+-]' and model !~ '(MI|PR)$' then
        negative := left(written, 1) = '-';
        written := ltrim(substr(written, 2));
    end if;
    model := regexp_replace(model, '^S|(MI|PR|S)$', '', 'g');
    if model ~ '[$LCU]' then
        written := regexp_replace(written, '^(\$|USD)|(\$|USD)$', '');
        model := regexp_replace(model, '[$LCU]', '', 'g');
    end if;
    model := regexp_replace(model, 'B', '', 'g');
    if model !~ '^[09,G]*([.D][09]*)?$' or model !~ '[09]' then
        raise exception using errcode = 'ORA00', message = 'ORA-01481: invalid number format model';
    end if;
    if model ~ 'D' then
        written := translate(written, oracle.decimal_point(), '.');
    end if;
    whole_model := regexp_replace(regexp_replace(model, '[.D].*$', ''), '[^09]', '', 'g');
    part_model := case when model ~ '[.D]' then regexp_replace(model, '^.*[.D]', '') else '' end;
    if model ~ '[,G]' then
        written := replace(written, ',', '');
    end if;
    if written !~ '^\d*(\.\d*)?$' or written !~ '\d' or length(split_part(written, '.', 1)) > length(whole_model)
       or length(split_part(written, '.', 2)) > length(part_model) then
        raise exception using errcode = 'ORA00', message = 'ORA-01722: invalid number';
    end if;
    result := trim_scale(('0' || written)::numeric);
    return case when negative then - result else result end;
end
$$;
