// What a Node program does with a database, through node-oracledb in thin mode. Prints one JSON document of results.
'use strict';
const oracledb = require('oracledb');

const settings = JSON.parse(process.env.LOCALDB);

async function main() {
  const seen = {};
  const connection = await oracledb.getConnection(settings);
  seen.version = connection.oracleServerVersionString;
  const run = (text, binds = {}, options = {}) => connection.execute(text, binds, options);

  await run('create table people (id number primary key, name varchar2(40), born date, photo blob, story clob)');
  const born = new Date(Date.UTC(1990, 0, 15, 12, 30, 0));
  const story = 'A long story. '.repeat(5000);
  const photo = Buffer.alloc(70000, 7);
  const inserted = await run('insert into people values (:id, :name, :born, :photo, :story)',
    {id: 1, name: 'Änne', born: {val: born, type: oracledb.DB_TYPE_DATE}, photo, story});
  seen.inserted = inserted.rowsAffected;
  const many = await connection.executeMany('insert into people (id, name) values (:1, :2)',
    Array.from({length: 500}, (_, n) => [n + 2, `name ${n}`]));
  seen.many = many.rowsAffected;
  const returned = await run('update people set name = upper(name) where id < 4 returning id, name into :ids, :names',
    {ids: {type: oracledb.NUMBER, dir: oracledb.BIND_OUT}, names: {type: oracledb.STRING, dir: oracledb.BIND_OUT}});
  seen.returned = returned.outBinds;
  await connection.commit();

  const one = await run('select name, born, photo, story from people where id = :1', [1]);
  const [name, when, blob, clob] = one.rows[0];
  seen.name = name;
  seen.born = when.getTime() === born.getTime();
  seen.photo = photo.equals(await blob.getData());
  seen.story = story === await clob.getData();
  seen.columns = one.metaData.map(column => column.name);

  const moment = new Date(Date.UTC(2026, 6, 1, 6, 30, 15, 250));
  await run('create table moments (id number, at timestamp with time zone, here timestamp with local time zone)');
  for (const type of [oracledb.DB_TYPE_TIMESTAMP_TZ, oracledb.DB_TYPE_TIMESTAMP_LTZ]) {
    await run('insert into moments values (1, :at, :at)', {at: {val: moment, type}});
  }
  await run(`insert into moments select 2, from_tz(timestamp '2026-07-01 12:00:15.25', '+05:30'),
      timestamp '2026-07-01 02:30:15.25 -04:00' from dual connect by level <= 600`);
  const moments = await run('select at, here from moments', [], {fetchArraySize: 1000});
  seen.moments = moments.rows.length;
  seen.zoned = moments.rows.every(row => row.every(each => each.getTime() === moment.getTime()));

  const rows = await run('select id from people order by id', [], {fetchArraySize: 50});
  seen.rows = rows.rows.length;
  const results = (await run('select id, name from people order by id', [], {resultSet: true})).resultSet;
  seen.first = await results.getRows(2);
  await results.close();

  await run(`create or replace procedure summary(in_from in number, out_count out number, io_text in out varchar2,
      out_rows out sys_refcursor) is
    begin
      select count(*) into out_count from people where id >= in_from;
      io_text := io_text || '!';
      open out_rows for select id, name from people where id >= in_from order by id;
    end;`);
  const called = await run('begin summary(:low, :n, :text, :found); end;', {
    low: 500,
    n: {type: oracledb.NUMBER, dir: oracledb.BIND_OUT},
    text: {val: 'ready', type: oracledb.STRING, dir: oracledb.BIND_INOUT, maxSize: 100},
    found: {type: oracledb.CURSOR, dir: oracledb.BIND_OUT},
  });
  seen.count = called.outBinds.n;
  seen.text = called.outBinds.text;
  seen.cursor = await called.outBinds.found.getRows();
  await called.outBinds.found.close();

  for (const [key, text] of [['missing', 'select * from nowhere'], ['twice', 'insert into people (id) values (1)'],
                             ['compiled', 'begin nothing_here; end;']]) {
    try {
      await run(text);
    } catch (error) {
      seen[key] = error.errorNum;
    }
  }
  const pool = await oracledb.createPool({...settings, poolMin: 0, poolMax: 2});
  const pooled = await pool.getConnection();
  seen.pooled = (await pooled.execute('select count(*) from people')).rows[0][0];
  await pooled.close();
  await pool.close(0);
  await connection.close();
  console.log(JSON.stringify(seen));
}

main().catch(error => {
  console.error(error);
  process.exit(1);
});
