-- JSON kept as text.

-- A text as jsonb; NULL when it is no JSON. (Not in SQL: the planner would try the cast of a constant.)
create function oracle.json_lax(value text) returns jsonb
    language plpgsql immutable strict parallel safe as $$
begin
    if value is json then
        return value::jsonb;
    end if;
    return null;
end
$$;

-- A text as jsonb. Raises ORA-40441.
create function oracle.json_strict(value text) returns jsonb
    language plpgsql immutable strict parallel safe as $$
begin
    if value is json then
        return value::jsonb;
    end if;
    raise exception using errcode = 'ORA00', message = 'ORA-40441: JSON syntax error';
end
$$;

-- jsonb::text has one blank behind each colon and comma; Oracle has none.
create function oracle.json_compact(jsonb) returns text
    language sql immutable strict parallel safe
    return regexp_replace($1::text, '("(?:[^"\\]|\\.)*")|([:,]) ', '\1\2', 'g');

create function oracle.json_indented(value jsonb) returns text
    language plpgsql immutable strict parallel safe as $$
declare
    line text;
    indent integer;
    result text := '';
begin
    foreach line in array string_to_array(jsonb_pretty(value), E'\n') loop
        indent := length(line) - length(ltrim(line, ' '));
        line := regexp_replace(ltrim(line, ' '), '^("(?:[^"\\]|\\.)*"): ', '\1 : ');
        result := result || case when result = '' then '' else E'\n' end || repeat(' ', indent / 2) || line;
    end loop;
    return result;
end
$$;

create function oracle.json_text(jsonb, boolean) returns text
    language sql immutable parallel safe
    return case when $2 then oracle.json_indented($1) else oracle.json_compact($1) end;

-- JSON_QUERY without a wrapper: a scalar is nothing, or ORA-40480.
create function oracle.json_no_scalar(jsonb, boolean) returns jsonb
    language sql immutable parallel safe
    return case when jsonb_typeof($1) in ('object', 'array') then $1
                when $2 then oracle.fail('ORA-40480: result cannot be returned without array wrapper', $1) end;

create function oracle.json_number(numeric) returns text
    language sql immutable strict parallel safe
    return trim_scale($1)::text;

create function oracle.json_time(timestamp) returns text
    language sql immutable parallel safe
    return '"' || to_char($1, case when date_trunc('second', $1) = $1 then 'YYYY-MM-DD"T"HH24:MI:SS'
                                   else 'YYYY-MM-DD"T"HH24:MI:SS.US' end) || '"';

create function oracle.json_time(oracle.date) returns text
    language sql immutable strict parallel safe
    return '"' || to_char($1::timestamp, 'YYYY-MM-DD"T"HH24:MI:SS') || '"';

create function oracle.json_time(timestamptz) returns text
    language sql immutable strict parallel safe
    return '"' || to_char($1 at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US') || 'Z"';

create function oracle.json_name(name text) returns text
    language plpgsql immutable parallel safe as $$
begin
    if name is null then
        raise exception using errcode = 'ORA00', message = 'ORA-40473: NULL JSON key is not allowed';
    end if;
    return name;
end
$$;

-- JSON_OBJECT: names and values (as JSON) in turn; `absent` leaves NULLs out.
create function oracle.json_object(absent boolean, items text[]) returns text
    language plpgsql immutable parallel safe as $$
declare
    result text := '';
begin
    for i in 1 .. cardinality(items) by 2 loop
        continue when absent and items[i + 1] is null;
        result := result || case when result = '' then '' else ',' end || to_json(oracle.json_name(items[i]))::text || ':'
            || coalesce(items[i + 1], 'null');
    end loop;
    return '{' || result || '}';
end
$$;

create function oracle.json_array(absent boolean, items text[]) returns text
    language sql immutable parallel safe as $$
    select case when items is not null then '[' || coalesce(string_agg(coalesce(v, 'null'), ',' order by n), '') || ']' end
      from unnest(items) with ordinality as t (v, n) where not absent or v is not null
$$;

create function oracle.json_objectagg(absent boolean, names text[], items text[]) returns text
    language sql immutable parallel safe as $$
    select case when names is not null
                then '{' || coalesce(string_agg(to_json(oracle.json_name(k))::text || ':' || coalesce(v, 'null'), ',' order by n), '') || '}' end
      from unnest(names, items) with ordinality as t (k, v, n) where not absent or v is not null
$$;

-- JSON_MERGEPATCH (RFC 7396).
create function oracle.json_mergepatch(target jsonb, patch jsonb) returns jsonb
    language plpgsql immutable parallel safe as $$
declare
    result jsonb;
    name text;
    value jsonb;
begin
    if patch is null or jsonb_typeof(patch) <> 'object' then
        return patch;
    end if;
    result := case when jsonb_typeof(target) = 'object' then target else '{}' end;
    for name, value in select * from jsonb_each(patch) loop
        if value = 'null' then
            result := result - name;
        else
            result := result || jsonb_build_object(name, oracle.json_mergepatch(result -> name, value));
        end if;
    end loop;
    return result;
end
$$;
