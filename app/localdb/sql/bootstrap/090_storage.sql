-- What is stored: a value that does not fit its column is ORA-12899 with Oracle's figures.

create or replace function oracle.too_large(actual int, maximum int, label text) returns text
language plpgsql immutable parallel safe as $$
begin
   raise exception using errcode = 'ORA00',
      message = format('ORA-12899: value too large for column %s (actual: %s, maximum: %s)', label, actual, maximum);
end $$;

-- A text for a column of so many characters, or bytes.
create or replace function oracle.fit(value text, maximum int, label text) returns text
language sql immutable parallel safe
return case when char_length(value) > maximum then oracle.too_large(char_length(value), maximum, label) else value end;

create or replace function oracle.fit_bytes(value text, maximum int, label text) returns text
language sql immutable parallel safe
return case when octet_length(value) > maximum then oracle.too_large(octet_length(value), maximum, label) else value end;

create or replace function oracle.fit_raw(value bytea, maximum int, label text) returns bytea
language sql immutable parallel safe
return case
   when length(value) > maximum then oracle.too_large(length(value), maximum, label)::bytea
   when length(value) = 0 then null
   else value
end;

-- What JSON_VALUE gives as text: too long is NULL, or an error when asked for.
create or replace function oracle.json_sized(value text, maximum int, strict boolean) returns text
language plpgsql immutable parallel safe as $$
begin
   if value is null then
      return null;
   elsif octet_length(value) <= maximum then
      return nullif(value, '');
   elsif strict then
      raise exception using errcode = 'ORA00', message = format('ORA-40478: output value too large (maximum: %s)', maximum);
   end if;
   return null;
end $$;

create or replace function oracle.connect_by_loop(rank bigint) returns boolean
language plpgsql immutable parallel safe as $$
begin
   raise exception using errcode = 'ORA00', message = 'ORA-01436: CONNECT BY loop in user data';
end $$;

-- The next value of an identity column, whoever inserts.
create or replace function oracle.identity_value(relation text, column_name text) returns numeric
language sql volatile security definer set search_path = pg_catalog
return nextval(pg_get_serial_sequence(relation, column_name));
