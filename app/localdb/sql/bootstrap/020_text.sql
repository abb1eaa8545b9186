-- Text functions with Oracle's semantics: '' is NULL, positions count from 1 or from the end, fractions are cut.

-- Raises `message`, which starts with its ORA- code. `tested` is the value that was found bad: with it in the
-- call PostgreSQL cannot evaluate the call while it plans a statement in which the value is fine. No value, no
-- error: functions that use it need not be STRICT, which would keep PostgreSQL from inlining them.
create function oracle.fail(message text, tested anyelement) returns anyelement
    language plpgsql immutable strict parallel safe as $$
begin
    raise exception using errcode = 'ORA00', message = message;
end
$$;

-- A number as integer, kept inside integer's range: positions and lengths.
create function oracle.int_of(numeric) returns integer
    language sql immutable strict parallel safe
    return greatest(least(trunc($1), 2147483647), -2147483647)::integer;

create function oracle.substr(text, numeric) returns text
    language sql immutable parallel safe
    return case when oracle.int_of($2) >= 0 then nullif(substr($1, greatest(oracle.int_of($2), 1)), '')
                when - oracle.int_of($2) > length($1) then null
                else nullif(right($1, - oracle.int_of($2)), '') end;

create function oracle.substr(text, numeric, numeric) returns text
    language sql immutable parallel safe
    return case when $3 < 1 then null
                when oracle.int_of($2) >= 0 then nullif(substr($1, greatest(oracle.int_of($2), 1), oracle.int_of($3)), '')
                when - oracle.int_of($2) > length($1) then null
                else nullif(left(right($1, - oracle.int_of($2)), oracle.int_of($3)), '') end;

-- SUBSTRB: the part of a character that a boundary cuts becomes a blank.
create function oracle.substrb(value text, start numeric, amount numeric default null) returns text
    language plpgsql immutable parallel safe as $$
declare
    bytes bytea := convert_to(value, 'UTF8');
    total integer := length(bytes);
    first integer := oracle.int_of(start);
    size integer := total;
    head integer := 0;
    tail integer := 0;
    whole integer;
    found text;
begin
    if value is null or start is null then
        return null;
    end if;
    if amount is not null then
        size := oracle.int_of(amount);
    end if;
    first := case when first > 0 then first when first = 0 then 1 else total + first + 1 end;
    if first < 1 or first > total or size < 1 then
        return null;
    end if;
    bytes := substring(bytes from first for least(size, total - first + 1));
    while length(bytes) > 0 and get_byte(bytes, 0) between 128 and 191 loop
        bytes := substring(bytes from 2);
        head := head + 1;
    end loop;
    whole := length(bytes);
    while whole > 0 and get_byte(bytes, whole - 1) between 128 and 191 loop
        whole := whole - 1;
    end loop;
    if whole > 0 and get_byte(bytes, whole - 1) >= 192 then
        tail := case when get_byte(bytes, whole - 1) >= 240 then 4 when get_byte(bytes, whole - 1) >= 224 then 3 else 2 end;
        if whole - 1 + tail > length(bytes) then
            tail := length(bytes) - whole + 1;
            bytes := substring(bytes from 1 for whole - 1);
        else
            tail := 0;
        end if;
    end if;
    found := repeat(' ', head) || convert_from(bytes, 'UTF8') || repeat(' ', tail);
    return nullif(found, '');
end
$$;

create function oracle.instr(text, text) returns numeric
    language sql immutable strict parallel safe
    return strpos($1, $2)::numeric;

create function oracle.instr(value text, sought text, start numeric, occurrence numeric default 1) returns numeric
    language plpgsql immutable strict parallel safe as $$
declare
    place integer := oracle.int_of(start);
    remaining integer := oracle.int_of(occurrence);
    step integer;
begin
    if remaining < 1 then
        raise exception using errcode = 'ORA00', message = format('ORA-01428: argument ''%s'' is out of range', remaining);
    end if;
    if place = 0 then
        return 0;
    elsif place > 0 then
        loop
            step := strpos(substr(value, place), sought);
            if step = 0 then
                return 0;
            end if;
            place := place + step - 1;
            remaining := remaining - 1;
            if remaining = 0 then
                return place;
            end if;
            place := place + 1;
        end loop;
    end if;
    place := least(length(value) + place + 1, length(value) - length(sought) + 1);
    while place >= 1 loop
        if substr(value, place, length(sought)) = sought then
            remaining := remaining - 1;
            if remaining = 0 then
                return place;
            end if;
        end if;
        place := place - 1;
    end loop;
    return 0;
end
$$;

create function oracle.replace(text, text) returns text
    language sql immutable parallel safe
    return nullif(replace($1, coalesce($2, ''), ''), '');

create function oracle.replace(text, text, text) returns text
    language sql immutable parallel safe
    return nullif(replace($1, coalesce($2, ''), coalesce($3, '')), '');

create function oracle.translate(text, text, text) returns text
    language sql immutable parallel safe
    return nullif(translate($1, $2, $3), '');

create function oracle.lpad(text, numeric) returns text
    language sql immutable parallel safe
    return nullif(lpad($1, oracle.int_of($2)), '');

create function oracle.lpad(text, numeric, text) returns text
    language sql immutable parallel safe
    return nullif(lpad($1, oracle.int_of($2), $3), '');

create function oracle.rpad(text, numeric) returns text
    language sql immutable parallel safe
    return nullif(rpad($1, oracle.int_of($2)), '');

create function oracle.rpad(text, numeric, text) returns text
    language sql immutable parallel safe
    return nullif(rpad($1, oracle.int_of($2), $3), '');

-- CHR: the bytes of the number are those of the character in UTF-8.
create function oracle.chr(code numeric) returns text
    language plpgsql immutable strict parallel safe as $$
declare
    value bigint := trunc(code);
    bytes bytea := '';
begin
    if value between 1 and 127 then
        return chr(value::integer);
    end if;
    while value > 0 loop
        bytes := substring(int4send((value & 255)::integer) from 4) || bytes;
        value := value >> 8;
    end loop;
    begin
        if length(convert_from(bytes, 'UTF8')) = 1 then
            return convert_from(bytes, 'UTF8');
        end if;
    exception when character_not_in_repertoire then
        null; -- told below, like every other code that is no character
    end;
    raise exception using errcode = 'ORA00',
        message = format('ORA-03001: unimplemented feature: CHR(%s), which is no character of UTF-8', trunc(code));
end
$$;

-- What || may give in SQL.
create function oracle.concat_limit(value text) returns text
    language sql immutable strict parallel safe
    return case when octet_length(value) > 4000 then oracle.fail('ORA-01489: result of string concatenation is too long', value) else value end;

-- ASCII: the bytes of the first character in UTF-8, as one number; CHR is the way back.
create function oracle.ascii(value text) returns numeric
    language sql immutable strict parallel safe
    return case when value = '' then null
                else ('x' || lpad(encode(convert_to(left(value, 1), 'UTF8'), 'hex'), 8, '0'))::bit(32)::bigint::numeric end;

-- NCHR: the number is the character's code point.
create function oracle.nchr(code numeric) returns text
    language plpgsql immutable strict parallel safe as $$
begin
    if trunc(code) between 1 and 55295 or trunc(code) between 57344 and 1114111 then
        return chr(trunc(code)::integer);
    end if;
    raise exception using errcode = 'ORA00',
        message = format('ORA-03001: unimplemented feature: NCHR(%s), which is no character', trunc(code));
end
$$;

create function oracle.unistr(value text) returns text
    language plpgsql immutable strict parallel safe as $$
begin
    if value !~ '^([^\\]|\\\\|\\[0-9A-Fa-f]{4})*$' then
        raise exception using errcode = 'ORA00',
            message = 'ORA-30186: ''\'' must be followed by four hexdecimal characters or another ''\''';
    end if;
    return unistr(value);
end
$$;

create function oracle.asciistr(value text) returns text
    language plpgsql immutable strict parallel safe as $$
declare
    result text := '';
    one text;
    code integer;
begin
    if value ~ '^[\x01-\x5b\x5d-\x7f]*$' then
        return value;
    end if;
    foreach one in array string_to_array(value, null) loop
        code := ascii(one);
        if code < 128 and code <> 92 then
            result := result || one;
        elsif code < 65536 then
            result := result || '\' || upper(lpad(to_hex(code), 4, '0'));
        else
            code := code - 65536;
            result := result || '\' || upper(to_hex(55296 + (code >> 10))) || '\' || upper(to_hex(56320 + (code & 1023)));
        end if;
    end loop;
    return result;
end
$$;

create function oracle.soundex(value text) returns text
    language plpgsql immutable strict parallel safe as $$
declare
    letter constant text := 'ABCDEFGHIJKLMNOPQRSTUVWXYZ';
    code constant text := '0123012-02245501262301-202';
    letters text := regexp_replace(upper(value), '[^A-Z]', '', 'g');
    result text := left(letters, 1);
    digit text;
    last text;
    one text;
begin
    if letters = '' then
        return null;
    end if;
    last := translate(result, letter, code);
    foreach one in array string_to_array(substr(letters, 2), null) loop
        digit := translate(one, letter, code);
        continue when digit = '-'; -- H and W do not part equal digits, vowels do
        if digit <> '0' and digit <> last then
            result := result || digit;
        end if;
        last := digit;
    end loop;
    return rpad(left(result, 4), 4, '0');
end
$$;

-- What TRIM takes away.
create function oracle.one_character(text) returns text
    language sql immutable parallel safe
    return case when length($1) > 1 then oracle.fail('ORA-30001: trim set should have only one character', $1) else $1 end;

-- What stands behind ESCAPE.
create function oracle.escape_character(text) returns text
    language sql immutable parallel safe
    return case when length($1) = 1 then $1
                else oracle.fail('ORA-01425: escape character must be character string of length 1', $1) end;

-- DBMS_LOB.SUBSTR(lob, amount, offset).
create function oracle.lob_substr(text, numeric default 32767, numeric default 1) returns text
    language sql immutable parallel safe
    return case when $3 >= 1 and $2 >= 1 then nullif(substr($1, oracle.int_of($3), oracle.int_of($2)), '') end;

create function oracle.listagg_limit(text) returns text
    language sql immutable parallel safe
    return case when octet_length($1) > 4000
                then oracle.fail('ORA-01489: result of string concatenation is too long', $1) else nullif($1, '') end;

-- Bytes as text; NULL when they are no UTF-8.
create function oracle.utf8_text(value bytea) returns text
    language plpgsql immutable strict parallel safe as $$
begin
    return convert_from(value, 'UTF8');
exception when character_not_in_repertoire or untranslatable_character then
    return null;
end
$$;
