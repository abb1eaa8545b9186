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

-- The type JSON is jsonb. What JSON has no form for is an object in it: {"\u0001": ["what", "text"]}, see wire/oson.py.
create function oracle.json_marked(what text, value text) returns jsonb
    language sql immutable parallel safe
    return case when value is not null then jsonb_build_object(E'\x01', jsonb_build_array(what, value)) end;

-- One such pair as plain JSON: numbers as numbers, times in ISO form, bytes in hexadecimal.
create function oracle.json_unmarked(what text, value text) returns jsonb
    language sql immutable parallel safe as $$
    select case
        when what in ('float', 'double') then to_jsonb(value::float8::numeric)
        when what = 'timestamptz' then to_jsonb(value || 'Z')
        when what = 'raw' then to_jsonb(upper(value))
        when what = 'ds' then to_jsonb(
            case when i < interval '0' then '-' else '' end || 'P' || coalesce(nullif(extract(day from a)::text, '0') || 'D', '')
            || case when a - date_trunc('day', a) <> interval '0' then 'T' else '' end
            || coalesce(nullif(extract(hour from a)::text, '0') || 'H', '')
            || coalesce(nullif(extract(minute from a)::text, '0') || 'M', '')
            || coalesce(nullif(trim_scale(extract(second from a))::text, '0') || 'S', ''))
        when what = 'ym' then to_jsonb('P' || value::integer / 12 || 'Y' || value::integer % 12 || 'M')
        else to_jsonb(value) end
      from (select v, justify_hours(greatest(v, -v)) from (select case when what = 'ds' then value::bigint * interval '1 microsecond' end) as d (v)) as s (i, a)
$$;

-- A value of the type JSON without such pairs: what paths are followed in, and what JSON_SERIALIZE shows.
create function oracle.json_plain(value jsonb) returns jsonb
    language plpgsql immutable parallel safe as $$
begin
    if value is null or position('\u0001' in value::text) = 0 then
        return value;
    elsif jsonb_typeof(value) = 'array' then
        return (select jsonb_agg(oracle.json_plain(e.value) order by e.n) from jsonb_array_elements(value) with ordinality as e (value, n));
    elsif value ? E'\x01' then
        return oracle.json_unmarked(value -> E'\x01' ->> 0, value -> E'\x01' ->> 1);
    end if;
    return (select jsonb_object_agg(m.key, oracle.json_plain(m.value)) from jsonb_each(value) as m);
end
$$;

-- jsonb::text has one blank behind each colon and comma; Oracle has none.
create function oracle.json_compact(jsonb) returns text
    language sql immutable strict parallel safe
    return regexp_replace($1::text, '("(?:[^"\\]|\\.)*")|([:,]) ', '\1\2', 'g');

-- A JSON text without blanks; its members stay in order and its numbers as they are written.
create function oracle.json_compact(value text) returns text
    language sql immutable strict parallel safe
    return regexp_replace(value, '("(?:[^"\\]|\\.)*")|\s+', '\1', 'g');

-- PRETTY: two blanks a level, a nested object or array on lines of its own.
create function oracle.json_indented(value json, level integer default 0) returns text
    language plpgsql immutable strict parallel safe as $$
declare
    inner_pad text := repeat(' ', 2 * level + 2);
    lines text;
begin
    case json_typeof(value)
        when 'object' then
            select string_agg(inner_pad || to_json(m.key)::text || case when json_typeof(m.value) in ('object', 'array') then E' :\n' || inner_pad else ' : ' end
                              || oracle.json_indented(m.value, level + 1), E',\n' order by m.n)
              into lines from json_each(value) with ordinality as m (key, value, n);
            return E'{\n' || coalesce(lines || E'\n', '') || repeat(' ', 2 * level) || '}';
        when 'array' then
            select string_agg(inner_pad || oracle.json_indented(e.value, level + 1), E',\n' order by e.n)
              into lines from json_array_elements(value) with ordinality as e (value, n);
            return E'[\n' || coalesce(lines || E'\n', '') || repeat(' ', 2 * level) || ']';
        else
            return trim(value::text, E' \t\r\n');
    end case;
end
$$;

-- What a path found, as the document has it: paths are followed in jsonb, which does not keep the order of members.
create function oracle.json_written(document json, part jsonb) returns text
    language plpgsql immutable parallel safe as $$
declare
    result text;
begin
    if jsonb_path_exists(part, '$.** ? (@.type() == "object")') then
        with recursive parts (v) as (
            select document
            union all
            select e.value from parts p, lateral (
                select m.value from json_each(case when json_typeof(p.v) = 'object' then p.v end) m
                union all
                select a.value from json_array_elements(case when json_typeof(p.v) = 'array' then p.v end) a) e)
        select oracle.json_compact(p.v::text) into result from parts p where p.v::jsonb = part limit 1;
        if result is not null then
            return result;
        elsif jsonb_typeof(part) = 'array' then
            return (select '[' || string_agg(oracle.json_written(document, e.value), ',' order by e.n) || ']'
                      from jsonb_array_elements(part) with ordinality as e (value, n));
        end if;
    end if;
    return oracle.json_compact(part);
end
$$;

create function oracle.json_text(document text, part jsonb, pretty boolean) returns text
    language plpgsql immutable parallel safe as $$
begin
    if part is null then
        return null;
    elsif pretty then
        return oracle.json_indented(oracle.json_written(document::json, part)::json);
    end if;
    return oracle.json_written(document::json, part);
end
$$;

-- JSON_SERIALIZE: the text itself, laid out anew. Raises ORA-40441.
create function oracle.json_serialized(document text, pretty boolean) returns text
    language plpgsql immutable parallel safe as $$
begin
    if document is null then
        return null;
    elsif document is not json then
        raise exception using errcode = 'ORA00', message = 'ORA-40441: JSON syntax error';
    end if;
    return case when pretty then oracle.json_indented(document::json) else oracle.json_compact(document) end;
end
$$;

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

create function oracle.json_time(oracle.zoned) returns text
    language sql immutable strict parallel safe
    return '"' || to_char(oracle.utc($1), 'YYYY-MM-DD"T"HH24:MI:SS.US') || 'Z"';

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

-- JSON_MERGEPATCH (RFC 7396): members keep their places, new ones follow in the order of the patch.
create function oracle.json_patched(target json, patch json) returns json
    language plpgsql immutable parallel safe as $$
declare
    old json := case when json_typeof(target) = 'object' then target else '{}' end;
begin
    if json_typeof(patch) <> 'object' then
        return patch;
    end if;
    return (
        select '{' || coalesce(string_agg(to_json(m.key)::text || ':' || m.value::text, ',' order by m.place, m.n), '') || '}'
          from (select o.key, case when p.key is null then o.value else oracle.json_patched(o.value, p.value) end as value, 1 as place, o.n
                  from json_each(old) with ordinality as o (key, value, n)
                  left join json_each(patch) as p on p.key = o.key
                 where p.key is null or json_typeof(p.value) <> 'null'
                union all
                select p.key, oracle.json_patched(null, p.value), 2, p.n
                  from json_each(patch) with ordinality as p (key, value, n)
                 where json_typeof(p.value) <> 'null' and not exists (select from json_each(old) as o where o.key = p.key)) m)::json;
end
$$;

-- What is no JSON gives NULL, or ORA-40441 when `strict`.
create function oracle.json_mergepatch(target text, patch text, strict boolean) returns text
    language plpgsql immutable strict parallel safe as $$
begin
    if not strict and (target is not json or patch is not json) then
        return null;
    elsif target is not json or patch is not json then
        raise exception using errcode = 'ORA00', message = 'ORA-40441: JSON syntax error';
    end if;
    return oracle.json_compact(oracle.json_patched(target::json, patch::json)::text);
end
$$;
