-- Regular expressions: Oracle's POSIX expressions with Perl's classes, on PostgreSQL's engine.

-- An Oracle pattern for PostgreSQL: a backslash means something only before a digit or d D w W s S A Z z, and
-- nothing special inside brackets.
create function oracle.regexp_pattern(pattern text) returns text
    language plpgsql immutable strict parallel safe as $$
declare
    result text := '';
    place integer := 1;
    size integer := length(pattern);
    one text;
    following text;
    inside boolean := false;
    opened integer := 0;
begin
    if pattern !~ '[\\]' and pattern !~ '^\*' then
        return pattern;
    end if;
    while place <= size loop
        one := substr(pattern, place, 1);
        following := substr(pattern, place + 1, 1);
        if inside then
            if one = '[' and following in (':', '.', '=') then
                opened := position(following || ']' in substr(pattern, place + 2));
                if opened > 0 then
                    result := result || substr(pattern, place, opened + 3);
                    place := place + opened + 3;
                    continue;
                end if;
            end if;
            result := result || case one when '\' then '\\' else one end;
            if one = ']' and place > opened then
                inside := false;
            end if;
        elsif one = '[' then
            inside := true;
            result := result || one;
            opened := place + 1; -- a ] directly behind [ or [^ stands for itself
            if following = '^' then
                result := result || following;
                place := place + 1;
                opened := place + 1;
            end if;
        elsif one = '\' and following <> '' then
            place := place + 1;
            result := result || case when following ~ '[dDwWsSAZ1-9]' then '\' || following
                                     when following = 'z' then '\Z'
                                     when following ~ '[[:alnum:]]' then following
                                     else '\' || following end;
        elsif place = 1 and one = '*' then
            result := result || '\*'; -- nothing to repeat: the character itself
        else
            result := result || one;
        end if;
        place := place + 1;
    end loop;
    return result;
end
$$;

-- Oracle's match parameter in PostgreSQL's flags. Without any, a dot does not match a newline. Raises ORA-01760.
create function oracle.regexp_flags(parameter text) returns text
    language plpgsql immutable parallel safe as $$
declare
    ignore_case boolean := false;
    dot_newline boolean := false;
    lines boolean := false;
    extended boolean := false;
    one text;
begin
    if parameter is null then
        return 'p';
    end if;
    foreach one in array string_to_array(parameter, null) loop
        case one
            when 'i' then ignore_case := true;
            when 'c' then ignore_case := false;
            when 'n' then dot_newline := true;
            when 'm' then lines := true;
            when 'x' then extended := true;
            else raise exception using errcode = 'ORA00', message = 'ORA-01760: illegal argument for function';
        end case;
    end loop;
    return case when lines and dot_newline then 'w' when lines then 'n' when dot_newline then 's' else 'p' end
        || case when ignore_case then 'i' else '' end || case when extended then 'x' else '' end;
end
$$;

-- A replacement: \1 to \9 and \\ are special, & and \& are not.
create function oracle.regexp_replacement(text) returns text
    language sql immutable parallel safe
    return regexp_replace(coalesce($1, ''), '\\([^1-9\\]|$)', '\\\\\1', 'g');

-- A position, occurrence or the like. Raises ORA-01428 when it is below `minimum`.
create function oracle.regexp_count_of(value numeric, minimum integer) returns integer
    language sql immutable parallel safe
    return case when trunc(value) < minimum
                then oracle.fail('ORA-01428: argument ''' || trunc(value)::text || ''' is out of range', oracle.int_of(value))
                else oracle.int_of(value) end;

create function oracle.regexp_substr(
    value text, pattern text, start numeric default 1, occurrence numeric default 1, flags text default null, part numeric default 0
) returns text
    language sql immutable parallel safe
    return nullif(regexp_substr(value, oracle.regexp_pattern(pattern), oracle.regexp_count_of(start, 1),
                                oracle.regexp_count_of(occurrence, 1), oracle.regexp_flags(flags),
                                oracle.regexp_count_of(part, 0)), '');

create function oracle.regexp_instr(
    value text, pattern text, start numeric default 1, occurrence numeric default 1, after numeric default 0,
    flags text default null, part numeric default 0
) returns numeric
    language sql immutable parallel safe
    return regexp_instr(value, oracle.regexp_pattern(pattern), oracle.regexp_count_of(start, 1),
                        oracle.regexp_count_of(occurrence, 1), oracle.regexp_count_of(after, 0), oracle.regexp_flags(flags),
                        oracle.regexp_count_of(part, 0))::numeric;

create function oracle.regexp_count(value text, pattern text, start numeric default 1, flags text default null) returns numeric
    language sql immutable parallel safe
    return regexp_count(value, oracle.regexp_pattern(pattern), oracle.regexp_count_of(start, 1), oracle.regexp_flags(flags))::numeric;

create function oracle.regexp_replace(
    value text, pattern text, replacement text default null, start numeric default 1, occurrence numeric default 0,
    flags text default null
) returns text
    language sql immutable parallel safe
    return case when pattern is null then value
                else nullif(regexp_replace(value, oracle.regexp_pattern(pattern), oracle.regexp_replacement(replacement),
                                           oracle.regexp_count_of(start, 1), oracle.regexp_count_of(occurrence, 0),
                                           oracle.regexp_flags(flags)), '') end;
