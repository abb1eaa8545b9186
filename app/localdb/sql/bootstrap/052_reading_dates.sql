-- TO_DATE, TO_TIMESTAMP and TO_TIMESTAMP_TZ.

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
create function oracle.read_datetime(value text, format text, kind text, out stamp timestamp, out zone text,
                                     out abbreviation text)
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
            digits := substring(rest from case word when 'TZD' then '^[A-Za-z]+' else '^[+-]?\d{1,2}:\d{2}|^[A-Za-z][A-Za-z0-9_/+-]*' end);
            if digits is null then
                perform oracle.bad_date('01857');
            end if;
            if word = 'TZR' then
                zone := digits;
            else
                abbreviation := digits;
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

create function oracle.to_timestamp_tz(value text, format text) returns oracle.zoned
    language plpgsql stable strict parallel safe as $$
declare
    read record := oracle.read_datetime(value, format, 'Z');
    found oracle.zoned := oracle.zoned_of(read.stamp, coalesce(oracle.zone_number(read.zone), oracle.session_zone()));
begin
    return case when read.abbreviation is null or not oracle.is_region(oracle.zone_number(found)) then found
                else oracle.with_abbreviation(found, read.abbreviation) end;
end
$$;

create function oracle.to_timestamp_tz(text) returns oracle.zoned
    language sql stable strict parallel safe
    return oracle.to_timestamp_tz($1,
        coalesce(nullif(current_setting('oracle.nls_timestamp_tz_format', true), ''), 'DD-MON-RR HH.MI.SSXFF AM TZR'));

-- The third argument, NLS_DATE_LANGUAGE: English only.
create function oracle.in_english(value text, parameters text) returns text
    language plpgsql immutable parallel safe as $$
begin
    if upper(parameters) !~ '^\s*NLS_DATE_LANGUAGE\s*=\s*''?(AMERICAN|ENGLISH)''?\s*$' then
        raise exception using errcode = 'ORA00',
            message = format('ORA-03001: unimplemented feature: the NLS parameters %s', parameters);
    end if;
    return value;
end
$$;

create function oracle.to_date(value text, format text, parameters text) returns oracle.date
    language sql stable parallel safe
    return oracle.to_date(oracle.in_english(value, parameters), format);

create function oracle.to_timestamp(value text, format text, parameters text) returns timestamp
    language sql stable parallel safe
    return oracle.to_timestamp(oracle.in_english(value, parameters), format);

create function oracle.to_timestamp_tz(value text, format text, parameters text) returns oracle.zoned
    language sql stable parallel safe
    return oracle.to_timestamp_tz(oracle.in_english(value, parameters), format);

