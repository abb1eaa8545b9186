-- Who and where the session is, rowids, identifiers, hashes.

-- ROWID: 18 characters of base 64: object (6), file (3), block (6), row (3). Of a row's number the low 15 bits are
-- the row, the next 32 the block, the rest the file; the object is always 1.
create function oracle.rowid_text(bigint) returns text
    language sql immutable strict parallel safe
    return 'AAAAAB' || right(encode(substring(int4send(($1 >> 47)::integer) from 2), 'base64'), 3)
        || right(encode('\x00'::bytea || int8send(((($1 >> 15) & 4294967295) << 18) | ($1 & 32767)), 'base64'), 9);

create function oracle.rowid_text(text) returns text
    language sql immutable strict parallel safe
    return $1;

create function oracle.rowid_value(text) returns bigint
    language sql immutable parallel safe
    return case when $1 ~ '^AAAAAB[A-Za-z0-9+/]{12}$'
                then (('\x00'::bytea || decode('A' || substr($1, 7, 3), 'base64'))::integer::bigint << 47)
                     | ((substring(decode('AAA' || substr($1, 10, 9), 'base64') from 2)::bigint >> 18) << 15)
                     | (substring(decode('AAA' || substr($1, 10, 9), 'base64') from 2)::bigint & 32767)
                else oracle.fail('ORA-01410: invalid ROWID', $1)::bigint end;

create function oracle.rowid_value(bigint) returns bigint
    language sql immutable strict parallel safe
    return $1;

create function oracle.rawtohex(bytea) returns text
    language sql immutable strict parallel safe
    return nullif(upper(encode($1, 'hex')), '');

create function oracle.hextoraw(text) returns bytea
    language sql immutable parallel safe
    return case when $1 ~ '^[0-9A-Fa-f]*$' then decode(case when length($1) % 2 = 1 then '0' || $1 else $1 end, 'hex')
                else oracle.fail('ORA-01465: invalid hex number', $1)::bytea end;

create function oracle.sys_guid() returns bytea
    language sql volatile parallel safe
    return uuid_send(gen_random_uuid());

create function oracle.sha1(message bytea) returns bytea
    language plpgsql immutable strict parallel safe as $$
declare
    mask constant bigint := 4294967295;
    padded bytea;
    w bigint[];
    h0 bigint := x'67452301'::bigint;
    h1 bigint := x'efcdab89'::bigint;
    h2 bigint := x'98badcfe'::bigint;
    h3 bigint := x'10325476'::bigint;
    h4 bigint := x'c3d2e1f0'::bigint;
    a bigint;
    b bigint;
    c bigint;
    d bigint;
    e bigint;
    f bigint;
    k bigint;
    t bigint;
    base integer;
begin
    padded := message || '\x80'::bytea || decode(repeat('00', (119 - length(message) % 64) % 64), 'hex')
        || int8send(length(message)::bigint * 8);
    for block in 0 .. length(padded) / 64 - 1 loop
        for i in 0 .. 15 loop
            base := block * 64 + i * 4;
            w[i] := (get_byte(padded, base)::bigint << 24) | (get_byte(padded, base + 1) << 16)
                | (get_byte(padded, base + 2) << 8) | get_byte(padded, base + 3);
        end loop;
        for i in 16 .. 79 loop
            t := w[i - 3] # w[i - 8] # w[i - 14] # w[i - 16];
            w[i] := ((t << 1) | (t >> 31)) & mask;
        end loop;
        a := h0;
        b := h1;
        c := h2;
        d := h3;
        e := h4;
        for i in 0 .. 79 loop
            if i < 20 then
                f := (b & c) | ((~ b) & mask & d);
                k := x'5a827999'::bigint;
            elsif i < 40 then
                f := b # c # d;
                k := x'6ed9eba1'::bigint;
            elsif i < 60 then
                f := (b & c) | (b & d) | (c & d);
                k := x'8f1bbcdc'::bigint;
            else
                f := b # c # d;
                k := x'ca62c1d6'::bigint;
            end if;
            t := ((((a << 5) | (a >> 27)) & mask) + f + e + k + w[i]) & mask;
            e := d;
            d := c;
            c := ((b << 30) | (b >> 2)) & mask;
            b := a;
            a := t;
        end loop;
        h0 := (h0 + a) & mask;
        h1 := (h1 + b) & mask;
        h2 := (h2 + c) & mask;
        h3 := (h3 + d) & mask;
        h4 := (h4 + e) & mask;
    end loop;
    return substring(int8send(h0) from 5) || substring(int8send(h1) from 5) || substring(int8send(h2) from 5)
        || substring(int8send(h3) from 5) || substring(int8send(h4) from 5);
end
$$;

create function oracle.bad_hash(method text) returns bytea
    language plpgsql immutable parallel safe as $$
begin
    raise exception using errcode = 'ORA00', message = 'ORA-00909: invalid number of arguments';
end
$$;

-- STANDARD_HASH: NULL hashes as no bytes at all.
create function oracle.standard_hash(value bytea, method text) returns bytea
    language sql immutable parallel safe
    return case method when 'SHA1' then oracle.sha1(coalesce(value, '')) when 'MD5' then decode(md5(coalesce(value, '')), 'hex')
                       when 'SHA256' then sha256(coalesce(value, '')) when 'SHA384' then sha384(coalesce(value, ''))
                       when 'SHA512' then sha512(coalesce(value, '')) else oracle.bad_hash(method) end;

-- ORA_HASH: a bucket from 0 to `most`. Oracle does not publish its function: equal values have equal hashes here
-- as there, and as evenly, but other ones.
create function oracle.ora_hash(value bytea, most numeric default 4294967295, seed numeric default 0) returns numeric
    language sql immutable parallel safe
    return case when value is null then 0::numeric
                else mod(('x' || left(md5(int8send(trunc(coalesce(seed, 0))::bigint) || value), 8))::bit(32)::bigint::numeric,
                         trunc(coalesce(most, 4294967295)) + 1) end;

-- Settings of the session -----------------------------------------------------------------------------------------

create function oracle.setting(text) returns text
    language sql stable parallel safe
    return nullif(current_setting('oracle.' || $1, true), '');

create function oracle.uid() returns numeric
    language plpgsql stable parallel safe as $$
begin
    return (select "USER_ID" from "SYS"."ALL_USERS" where "USERNAME" = current_setting('oracle.user', true));
end
$$;

-- SYS_CONTEXT: what is not known of the namespace USERENV is ORA-02003; other namespaces have no attributes.
create function oracle.sys_context(namespace text, attribute text) returns text
    language plpgsql stable parallel safe as $$
declare
    name text := upper(attribute);
begin
    if namespace is null or attribute is null then
        return null;
    end if;
    if upper(namespace) = 'CLIENTCONTEXT' then
        return nullif(current_setting('oracle.context_' || encode(convert_to(name, 'UTF8'), 'hex'), true), '');
    elsif upper(namespace) <> 'USERENV' then
        return null;
    end if;
    case name
        when 'SESSION_USER' then return coalesce(oracle.setting('session_user'), oracle.setting('user'));
        when 'CURRENT_USER', 'AUTHENTICATED_IDENTITY' then return oracle.setting('user');
        when 'CURRENT_SCHEMA' then return oracle.setting('current_schema');
        when 'SESSION_USERID', 'CURRENT_USERID', 'CURRENT_SCHEMAID' then return oracle.uid()::text;
        when 'SID', 'SESSIONID' then return oracle.setting('sid');
        when 'MODULE', 'ACTION', 'CLIENT_INFO', 'CLIENT_IDENTIFIER', 'HOST', 'SERVICE_NAME', 'INSTANCE_NAME', 'DB_NAME',
             'NLS_DATE_FORMAT', 'NLS_SORT', 'NLS_TERRITORY', 'NLS_CURRENCY', 'NLS_CALENDAR' then
            return oracle.setting(lower(name));
        when 'DB_UNIQUE_NAME', 'CDB_NAME', 'CON_NAME' then return oracle.setting('db_name');
        when 'TERMINAL', 'SERVER_HOST' then return oracle.setting('host');
        when 'OS_USER', 'DB_DOMAIN', 'CLOUD_SERVICE', 'IP_ADDRESS', 'PROXY_USER', 'PROXY_USERID', 'ENTERPRISE_IDENTITY', 'CURRENT_SQL',
             'POLICY_INVOKER', 'GLOBAL_UID', 'BG_JOB_ID', 'FG_JOB_ID', 'CLIENT_PROGRAM_NAME', 'DBLINK_INFO', 'UNIFIED_AUDIT_SESSIONID',
             'CURRENT_EDITION_NAME', 'SESSION_EDITION_NAME', 'NETWORK_PROTOCOL', 'AUTHENTICATION_DATA' then return null;
        when 'AUTHENTICATION_METHOD' then return 'PASSWORD';
        when 'IDENTIFICATION_TYPE' then return 'LOCAL';
        when 'LANG' then return 'US';
        when 'LANGUAGE' then return 'AMERICAN_AMERICA.AL32UTF8';
        when 'NLS_DATE_LANGUAGE' then return 'AMERICAN';
        when 'INSTANCE', 'STATEMENTID' then return '1';
        when 'CON_ID', 'ENTRYID' then return '0';
        when 'ISDBA' then return 'FALSE';
        when 'DATABASE_ROLE' then return 'PRIMARY';
        when 'PLATFORM_SLASH' then return '/';
        else raise exception using errcode = 'ORA00', message = 'ORA-02003: invalid USERENV parameter';
    end case;
end
$$;

create function oracle.userenv(attribute text) returns text
    language plpgsql stable parallel safe as $$
begin
    if upper(attribute) not in ('CLIENT_INFO', 'ENTRYID', 'ISDBA', 'LANG', 'LANGUAGE', 'SESSIONID', 'SID', 'INSTANCE', 'TERMINAL') then
        raise exception using errcode = 'ORA00', message = 'ORA-02003: invalid USERENV parameter';
    end if;
    return oracle.sys_context('USERENV', attribute);
end
$$;

grant execute on all functions in schema oracle to public;
