-- System change numbers: microseconds since 2025 at which a transaction committed, as PostgreSQL notes them
-- (track_commit_timestamp). They grow with each commit as long as the machine's clock does not go back.

create function oracle.scn_at(timestamptz) returns numeric
    language sql immutable strict parallel safe
    return trunc(extract(epoch from $1 - timestamptz '2025-01-01 00:00:00+00') * 1000000);

-- Every commit holds the shared lock until its rows can be seen (link.py takes it). Whoever wants the current number
-- takes the clock first and then waits for these: what committed up to that number is visible, what comes is later.
create function oracle.current_scn() returns numeric
    language plpgsql volatile security definer set search_path = pg_catalog, oracle as $$
declare
    moment timestamptz := clock_timestamp();
    kept text := current_setting('oracle.scn', true);
begin
    if kept <> '' then -- of a snapshot that the session has just taken, see flashback.py
        return kept::numeric;
    end if;
    perform pg_advisory_lock(7303010);
    perform pg_advisory_unlock(7303010);
    return oracle.scn_at(moment);
end
$$;

-- ORA_ROWSCN out of a row's xmin: NULL while its transaction is open, 1 when PostgreSQL has forgotten the time.
create function oracle.row_scn(xid) returns numeric
    language sql volatile strict
    return coalesce(oracle.scn_at(pg_xact_commit_timestamp($1)), case when age($1) > 100000000 then 1::numeric end);

create function oracle.scn_to_timestamp(scn numeric) returns timestamp
    language plpgsql volatile as $$
begin
    if scn < 1 or scn <> trunc(scn) or scn > oracle.scn_at(clock_timestamp()) then
        raise exception using errcode = 'ORA00', message = 'ORA-08181: specified number is not a valid system change number';
    end if;
    return timestamp '2025-01-01' + scn::float8 * interval '1 microsecond';
end
$$;

create function oracle.timestamp_to_scn(moment timestamp) returns numeric
    language plpgsql volatile as $$
begin
    if moment < timestamp '2025-01-01 00:00:01' or moment at time zone 'UTC' > clock_timestamp() then
        raise exception using errcode = 'ORA00', message = 'ORA-08180: no snapshot found based on specified time';
    end if;
    return oracle.scn_at(moment at time zone 'UTC');
end
$$;
