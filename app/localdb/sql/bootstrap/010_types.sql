-- Oracle's DATE, CLOB and BLOB as types of their own, so that a result's row description tells them from
-- TIMESTAMP, VARCHAR2 and RAW. Each is a clone of a PostgreSQL type: the same storage, the same C functions.

create schema oracle;
grant usage on schema oracle to public;

-- Every table has a hidden "ROWID" from this sequence: a row's address that an update does not change.
create sequence oracle.rowid_seq as bigint cache 1;
grant usage on sequence oracle.rowid_seq to public;

-- DATE: a timestamp to the second --------------------------------------------------------------------

create type oracle.date;
create function oracle.date_in(cstring, oid, integer) returns oracle.date
    language internal immutable strict parallel safe as 'timestamp_in';
create function oracle.date_out(oracle.date) returns cstring
    language internal immutable strict parallel safe as 'timestamp_out';
create function oracle.date_recv(internal, oid, integer) returns oracle.date
    language internal immutable strict parallel safe as 'timestamp_recv';
create function oracle.date_send(oracle.date) returns bytea
    language internal immutable strict parallel safe as 'timestamp_send';
create type oracle.date (
    input = oracle.date_in, output = oracle.date_out, receive = oracle.date_recv, send = oracle.date_send,
    like = timestamp, category = 'D'
);

create cast (oracle.date as timestamp) without function as implicit;
-- A cast whose function is date_trunc with the unit fixed: the part below a second is cut off, as Oracle does.
-- timestamp_scale rounds, so the value is truncated first; both return the bits of a timestamp.
create function oracle.date_from_seconds(timestamp, integer) returns oracle.date
    language internal immutable strict parallel safe as 'timestamp_scale';
create function oracle.date_of(timestamp) returns oracle.date
    language sql immutable strict parallel safe
    return oracle.date_from_seconds(date_trunc('second', $1), 0);
create cast (timestamp as oracle.date) with function oracle.date_of(timestamp) as assignment;

create function oracle.date_eq(oracle.date, oracle.date) returns boolean
    language internal immutable strict leakproof parallel safe as 'timestamp_eq';
create function oracle.date_ne(oracle.date, oracle.date) returns boolean
    language internal immutable strict leakproof parallel safe as 'timestamp_ne';
create function oracle.date_lt(oracle.date, oracle.date) returns boolean
    language internal immutable strict leakproof parallel safe as 'timestamp_lt';
create function oracle.date_le(oracle.date, oracle.date) returns boolean
    language internal immutable strict leakproof parallel safe as 'timestamp_le';
create function oracle.date_gt(oracle.date, oracle.date) returns boolean
    language internal immutable strict leakproof parallel safe as 'timestamp_gt';
create function oracle.date_ge(oracle.date, oracle.date) returns boolean
    language internal immutable strict leakproof parallel safe as 'timestamp_ge';
create operator oracle.= (
    function = oracle.date_eq, leftarg = oracle.date, rightarg = oracle.date,
    commutator = operator(oracle.=), negator = operator(oracle.<>), restrict = eqsel, join = eqjoinsel, hashes, merges
);
create operator oracle.<> (
    function = oracle.date_ne, leftarg = oracle.date, rightarg = oracle.date,
    commutator = operator(oracle.<>), negator = operator(oracle.=), restrict = neqsel, join = neqjoinsel
);
create operator oracle.< (
    function = oracle.date_lt, leftarg = oracle.date, rightarg = oracle.date,
    commutator = operator(oracle.>), negator = operator(oracle.>=), restrict = scalarltsel, join = scalarltjoinsel
);
create operator oracle.<= (
    function = oracle.date_le, leftarg = oracle.date, rightarg = oracle.date,
    commutator = operator(oracle.>=), negator = operator(oracle.>), restrict = scalarlesel, join = scalarlejoinsel
);
create operator oracle.> (
    function = oracle.date_gt, leftarg = oracle.date, rightarg = oracle.date,
    commutator = operator(oracle.<), negator = operator(oracle.<=), restrict = scalargtsel, join = scalargtjoinsel
);
create operator oracle.>= (
    function = oracle.date_ge, leftarg = oracle.date, rightarg = oracle.date,
    commutator = operator(oracle.<=), negator = operator(oracle.<), restrict = scalargesel, join = scalargejoinsel
);
create function oracle.date_cmp(oracle.date, oracle.date) returns integer
    language internal immutable strict leakproof parallel safe as 'timestamp_cmp';
create function oracle.date_sortsupport(internal) returns void
    language internal immutable strict parallel safe as 'timestamp_sortsupport';
create function oracle.date_hash(oracle.date) returns integer
    language internal immutable strict leakproof parallel safe as 'timestamp_hash';
create operator class oracle.date_ops default for type oracle.date using btree as
    operator 1 oracle.<, operator 2 oracle.<=, operator 3 oracle.=, operator 4 oracle.>=, operator 5 oracle.>,
    function 1 oracle.date_cmp(oracle.date, oracle.date), function 2 oracle.date_sortsupport(internal);
create operator class oracle.date_hash_ops default for type oracle.date using hash as
    operator 1 oracle.=, function 1 oracle.date_hash(oracle.date);
create function oracle.date_larger(oracle.date, oracle.date) returns oracle.date
    language internal immutable strict parallel safe as 'timestamp_larger';
create function oracle.date_smaller(oracle.date, oracle.date) returns oracle.date
    language internal immutable strict parallel safe as 'timestamp_smaller';
create aggregate oracle.max(oracle.date) (
    sfunc = oracle.date_larger, stype = oracle.date, sortop = operator(oracle.>), combinefunc = oracle.date_larger, parallel = safe
);
create aggregate oracle.min(oracle.date) (
    sfunc = oracle.date_smaller, stype = oracle.date, sortop = operator(oracle.<), combinefunc = oracle.date_smaller, parallel = safe
);

-- CLOB: text. Becomes text wherever text is wanted; text becomes a CLOB when stored in one or when asked. --

create type oracle.clob;
create function oracle.clob_in(cstring) returns oracle.clob
    language internal immutable strict parallel safe as 'textin';
create function oracle.clob_out(oracle.clob) returns cstring
    language internal immutable strict parallel safe as 'textout';
create function oracle.clob_recv(internal) returns oracle.clob
    language internal stable strict parallel safe as 'textrecv';
create function oracle.clob_send(oracle.clob) returns bytea
    language internal stable strict parallel safe as 'textsend';
create type oracle.clob (
    input = oracle.clob_in, output = oracle.clob_out, receive = oracle.clob_recv, send = oracle.clob_send,
    like = text, category = 'S', collatable = true
);
create cast (oracle.clob as text) without function as implicit;
create cast (oracle.clob as varchar) without function as assignment;
create cast (text as oracle.clob) without function as assignment;
create cast (varchar as oracle.clob) without function as assignment;

-- BLOB: bytes ----------------------------------------------------------------------------------------

create type oracle.blob;
create function oracle.blob_in(cstring) returns oracle.blob
    language internal immutable strict parallel safe as 'byteain';
create function oracle.blob_out(oracle.blob) returns cstring
    language internal immutable strict parallel safe as 'byteaout';
create function oracle.blob_recv(internal) returns oracle.blob
    language internal immutable strict parallel safe as 'bytearecv';
create function oracle.blob_send(oracle.blob) returns bytea
    language internal immutable strict parallel safe as 'byteasend';
create type oracle.blob (
    input = oracle.blob_in, output = oracle.blob_out, receive = oracle.blob_recv, send = oracle.blob_send,
    like = bytea, category = 'U'
);
create cast (oracle.blob as bytea) without function as implicit;
create cast (bytea as oracle.blob) without function as assignment;
