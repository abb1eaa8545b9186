-- TIMESTAMP WITH TIME ZONE: a moment and the zone whose clock shows it, in one value of fixed size.
--
-- The type is a clone of interval, read as the time since 2000-01-01 00:00 UTC, with the number of the zone as its days
-- and the rest of the time in its hours, which can be negative. PostgreSQL compares, sorts and hashes intervals by their
-- whole length: so moments are equal whatever their zones, as Oracle wants it, with PostgreSQL's own C functions.
-- The number of a zone is its offset in minutes (-959 to 959), or of a region its number in oracle.time_zones.

create type oracle.zoned;
create function oracle.zoned_in(cstring, oid, integer) returns oracle.zoned
    language internal immutable strict parallel safe as 'interval_in';
create function oracle.zoned_out(oracle.zoned) returns cstring
    language internal immutable strict parallel safe as 'interval_out';
create function oracle.zoned_recv(internal, oid, integer) returns oracle.zoned
    language internal immutable strict parallel safe as 'interval_recv';
create function oracle.zoned_send(oracle.zoned) returns bytea
    language internal immutable strict parallel safe as 'interval_send';
-- Its modifiers are an interval's: (32767, digits of a second).
create type oracle.zoned (
    input = oracle.zoned_in, output = oracle.zoned_out, receive = oracle.zoned_recv, send = oracle.zoned_send,
    typmod_in = pg_catalog.intervaltypmodin, typmod_out = pg_catalog.intervaltypmodout, like = interval, category = 'D'
);
create function oracle.zoned_scale(oracle.zoned, integer) returns oracle.zoned
    language internal immutable strict parallel safe as 'interval_scale';
create cast (oracle.zoned as oracle.zoned) with function oracle.zoned_scale(oracle.zoned, integer) as implicit;
create cast (oracle.zoned as interval) without function;
create cast (interval as oracle.zoned) without function;

do $$
declare
    o record;
begin
    for o in
        values ('eq', '=', '=', '<>', 'eqsel', 'eqjoinsel, hashes, merges'), ('ne', '<>', '<>', '=', 'neqsel', 'neqjoinsel'),
               ('lt', '<', '>', '>=', 'scalarltsel', 'scalarltjoinsel'), ('le', '<=', '>=', '>', 'scalarlesel', 'scalarlejoinsel'),
               ('gt', '>', '<', '<=', 'scalargtsel', 'scalargtjoinsel'), ('ge', '>=', '<=', '<', 'scalargesel', 'scalargejoinsel')
    loop
        execute format('create function oracle.zoned_%1$s(oracle.zoned, oracle.zoned) returns boolean language internal immutable'
                       ' strict leakproof parallel safe as %2$L', o.column1, 'interval_' || o.column1);
        execute format('create operator oracle.%s (function = oracle.zoned_%s, leftarg = oracle.zoned, rightarg = oracle.zoned,'
                       ' commutator = operator(oracle.%s), negator = operator(oracle.%s), restrict = %s, join = %s)',
                       o.column2, o.column1, o.column3, o.column4, o.column5, o.column6);
    end loop;
end
$$;
create function oracle.zoned_cmp(oracle.zoned, oracle.zoned) returns integer
    language internal immutable strict leakproof parallel safe as 'interval_cmp';
create function oracle.zoned_hash(oracle.zoned) returns integer
    language internal immutable strict leakproof parallel safe as 'interval_hash';
create operator class oracle.zoned_ops default for type oracle.zoned using btree as
    operator 1 oracle.<, operator 2 oracle.<=, operator 3 oracle.=, operator 4 oracle.>=, operator 5 oracle.>,
    function 1 oracle.zoned_cmp(oracle.zoned, oracle.zoned);
create operator class oracle.zoned_hash_ops default for type oracle.zoned using hash as
    operator 1 oracle.=, function 1 oracle.zoned_hash(oracle.zoned);
create function oracle.zoned_larger(oracle.zoned, oracle.zoned) returns oracle.zoned
    language internal immutable strict parallel safe as 'interval_larger';
create function oracle.zoned_smaller(oracle.zoned, oracle.zoned) returns oracle.zoned
    language internal immutable strict parallel safe as 'interval_smaller';
create aggregate oracle.max(oracle.zoned) (
    sfunc = oracle.zoned_larger, stype = oracle.zoned, sortop = operator(oracle.>), combinefunc = oracle.zoned_larger, parallel = safe
);
create aggregate oracle.min(oracle.zoned) (
    sfunc = oracle.zoned_smaller, stype = oracle.zoned, sortop = operator(oracle.<), combinefunc = oracle.zoned_smaller, parallel = safe
);

-- The value of a moment, given on UTC's clock, in a zone.
create function oracle.zoned_at(timestamp, integer) returns oracle.zoned
    language sql immutable strict parallel safe
    return (make_interval(days => $2, hours => 24 * (($1::date - date '2000-01-01') - $2)) + ($1::time)::interval)::oracle.zoned;

-- The moment of a value, on UTC's clock; and the number of its zone.
create function oracle.utc(oracle.zoned) returns timestamp
    language sql immutable strict parallel safe
    return timestamp '2000-01-01' + $1::interval;
create function oracle.zone_number(oracle.zoned) returns integer
    language sql immutable strict parallel safe
    return date_part('day', $1::interval)::integer;
create function oracle.is_region(zone integer) returns boolean
    language sql immutable strict parallel safe
    return abs(zone) >= 1000;

-- Zones ----------------------------------------------------------------------------------------------------------

-- The regions. Their numbers are this database's own and stay what they are in a data folder.
create table oracle.time_zones (number integer primary key, name text not null, known_as text not null unique);
grant select on oracle.time_zones to public;
insert into oracle.time_zones
select 1000 + row_number() over (order by name collate "C"), name, upper(name)
  from pg_catalog.pg_timezone_names
 where name !~ '^(posix|right)/' and name not in ('localtime', 'posixrules', 'Factory');

-- Minutes east of UTC of '+02:00'; NULL for a region.
create function oracle.zone_minutes(zone text) returns integer
    language plpgsql immutable strict parallel safe as $$
declare
    part text[] := regexp_match(btrim(zone), '^([+-]?)(\d{1,2}):(\d{2})$');
    minutes integer;
begin
    if part is null then
        return null;
    end if;
    minutes := part[2]::integer * 60 + part[3]::integer;
    if part[3]::integer > 59 then
        raise exception using errcode = 'ORA00', message = 'ORA-01875: time zone minute must be between -59 and 59';
    end if;
    minutes := case when part[1] = '-' then - minutes else minutes end;
    if minutes not between -959 and 959 then
        raise exception using errcode = 'ORA00', message = 'ORA-01874: time zone hour must be between -15 and 15';
    end if;
    return minutes;
end
$$;

-- The number of a zone by its offset or name. Raises ORA-01874, ORA-01875, ORA-01882.
create function oracle.zone_number(zone text) returns integer
    language plpgsql immutable strict parallel safe as $$
declare
    found integer := oracle.zone_minutes(zone);
begin
    if found is null then
        select z.number into found from oracle.time_zones z where z.known_as = upper(btrim(zone));
    end if;
    if found is null then
        raise exception using errcode = 'ORA00', message = 'ORA-01882: timezone region not found';
    end if;
    return found;
end
$$;

create function oracle.offset_text(minutes integer) returns text
    language sql immutable parallel safe
    return case when minutes < 0 then '-' else '+' end || lpad((abs(minutes) / 60)::text, 2, '0') || ':'
        || lpad((abs(minutes) % 60)::text, 2, '0');

create function oracle.region_name(zone integer) returns text
    language plpgsql immutable strict parallel safe as $$
begin
    return (select z.name from oracle.time_zones z where z.number = zone);
end
$$;

-- As TZR shows it: an offset, or a region in capital letters.
create function oracle.zone_text(integer) returns text
    language sql immutable strict parallel safe
    return case when oracle.is_region($1) then upper(oracle.region_name($1)) else oracle.offset_text($1) end;

-- What the clocks of a zone show at a moment given on UTC's clock.
create function oracle.clock_in(timestamp, integer) returns timestamp
    language sql immutable strict parallel safe
    return case when oracle.is_region($2) then ($1 at time zone 'UTC') at time zone oracle.region_name($2)
                else $1 + make_interval(mins => $2) end;

create function oracle.clock(oracle.zoned) returns timestamp
    language sql immutable strict parallel safe
    return oracle.clock_in(oracle.utc($1), oracle.zone_number($1));

-- The moment (UTC's clock) at which the clocks of a region show `clock`: of two, the one in standard time. Raises ORA-01878.
create function oracle.moment_in(clock timestamp, zone integer) returns timestamp
    language plpgsql immutable strict parallel safe as $$
declare
    name text := oracle.region_name(zone);
    moment timestamptz := clock at time zone name;
begin
    if moment at time zone name <> clock then
        raise exception using errcode = 'ORA00', message = 'ORA-01878: specified field not found in datetime or interval';
    end if;
    return moment at time zone 'UTC';
end
$$;

-- The value at which the clocks of a zone show `clock`.
create function oracle.zoned_of(timestamp, integer) returns oracle.zoned
    language sql immutable strict parallel safe
    return oracle.zoned_at(case when oracle.is_region($2) then oracle.moment_in($1, $2) else $1 - make_interval(mins => $2) end, $2);

-- Minutes of a value's clock from UTC.
create function oracle.offset_of(oracle.zoned) returns integer
    language sql immutable strict parallel safe
    return (extract(epoch from oracle.clock($1) - oracle.utc($1)) / 60)::integer;

-- The abbreviation that a region's clocks go by: CEST. NULL for an offset. Only the setting TimeZone makes PostgreSQL tell.
create function oracle.zone_abbreviation(value oracle.zoned) returns text
    language plpgsql stable strict as $$
declare
    number integer := oracle.zone_number(value);
    found text;
begin
    if not oracle.is_region(number) then
        return null;
    end if;
    perform set_config('TimeZone', oracle.region_name(number), true);
    found := to_char(oracle.utc(value) at time zone 'UTC', 'TZ');
    perform set_config('TimeZone', 'UTC', true);
    return found;
end
$$;

-- The same clock at the other moment that shows it, when its zone's abbreviation shall be another. Raises ORA-01857.
create function oracle.with_abbreviation(value oracle.zoned, wanted text) returns oracle.zoned
    language plpgsql stable strict as $$
declare
    other oracle.zoned := oracle.zoned_at(oracle.utc(value) - interval '1 hour', oracle.zone_number(value));
begin
    if upper(oracle.zone_abbreviation(value)) = upper(wanted) then
        return value;
    elsif oracle.clock(other) = oracle.clock(value) and upper(oracle.zone_abbreviation(other)) = upper(wanted) then
        return other;
    end if;
    raise exception using errcode = 'ORA00', message = 'ORA-01857: not a valid time zone';
end
$$;

-- What EXTRACT(TIMEZONE_REGION) tells; an abbreviation of an offset is UNK.
create function oracle.region_or_unknown(oracle.zoned) returns text
    language sql immutable strict parallel safe
    return coalesce(oracle.region_name(oracle.zone_number($1)), 'UNKNOWN');

-- As results carry it: UTC's clock, a blank, and the zone's number.
create function oracle.zoned_wire(oracle.zoned) returns text
    language sql immutable strict parallel safe
    return oracle.utc($1)::text || ' ' || oracle.zone_number($1);

create function oracle.zoned_plus(oracle.zoned, interval) returns oracle.zoned
    language sql immutable strict parallel safe
    return oracle.zoned_at(oracle.utc($1) + $2, oracle.zone_number($1));
