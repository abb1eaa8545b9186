create or replace package body audit_trail is
   co_first_hash                  constant varchar2(64 char) := '0000000000000000000000000000000000000000000000000000000000000000';

   -- SHA-256 over the previous hash, number, time and the hash of each value, a dash for NULL.
   function row_hash(
      in_previous_hash            in varchar2
     ,in_audit_id                 in number
     ,in_at                       in timestamp
     ,in_actor                    in varchar2
     ,in_action                   in varchar2
     ,in_target                   in varchar2
     ,in_outcome                  in varchar2
     ,in_before                   in varchar2
     ,in_after                    in varchar2
     ,in_address                  in varchar2
     ,in_agent                    in varchar2
     ,in_request_id               in varchar2
   ) return varchar2 is
      l_hash                      varchar2(64 char);
   begin
      -- STANDARD_HASH exists in SQL only. Each value is hashed by itself: no two rows read the same when joined.
      select rawtohex(
                standard_hash(
                   in_previous_hash
                   || '|' || to_char(in_audit_id)
                   || '|' || to_char(in_at, 'YYYY-MM-DD HH24:MI:SS.FF6')
                   || '|' || nvl2(in_actor, rawtohex(standard_hash(in_actor, 'SHA256')), '-')
                   || '|' || nvl2(in_action, rawtohex(standard_hash(in_action, 'SHA256')), '-')
                   || '|' || nvl2(in_target, rawtohex(standard_hash(in_target, 'SHA256')), '-')
                   || '|' || nvl2(in_outcome, rawtohex(standard_hash(in_outcome, 'SHA256')), '-')
                   || '|' || nvl2(in_before, rawtohex(standard_hash(in_before, 'SHA256')), '-')
                   || '|' || nvl2(in_after, rawtohex(standard_hash(in_after, 'SHA256')), '-')
                   || '|' || nvl2(in_address, rawtohex(standard_hash(in_address, 'SHA256')), '-')
                   || '|' || nvl2(in_agent, rawtohex(standard_hash(in_agent, 'SHA256')), '-')
                   || '|' || nvl2(in_request_id, rawtohex(standard_hash(in_request_id, 'SHA256')), '-')
                  ,'SHA256'
                )
             )
        into l_hash
        from dual;
      return l_hash;
   end row_hash;

   procedure append(
      in_actor                    in audit_log.actor%type
     ,in_action                   in audit_log.action%type
     ,in_target                   in audit_log.target%type
     ,in_outcome                  in audit_log.outcome%type
     ,in_before                   in varchar2
     ,in_after                    in varchar2
     ,in_address                  in varchar2
     ,in_agent                    in varchar2
     ,in_request_id               in audit_log.request_id%type
   ) is
      co_value_length constant pls_integer := 1000;
      l_at                        timestamp(6);
      l_last                      audit_head%rowtype;
      l_before                    audit_log.before_value%type  := substr(in_before, 1, co_value_length);
      l_after                     audit_log.after_value%type   := substr(in_after, 1, co_value_length);
      l_address                   audit_log.address%type       := substr(in_address, 1, 64);
      l_agent                     audit_log.agent%type         := substr(in_agent, 1, 200);
      l_previous_hash             audit_log.previous_hash%type;
      l_row_hash                  audit_log.row_hash%type;
   begin
      select h.*
        into l_last
        from audit_head h
       where h.head_id = 1
         for update;
      -- After the lock: times rise with the numbers.
      l_at            := sys_extract_utc(systimestamp);
      l_previous_hash := l_last.row_hash;
      l_row_hash      := row_hash(
         in_previous_hash => l_previous_hash
        ,in_audit_id      => l_last.audit_id + 1
        ,in_at            => l_at
        ,in_actor         => in_actor
        ,in_action        => in_action
        ,in_target        => in_target
        ,in_outcome       => in_outcome
        ,in_before        => l_before
        ,in_after         => l_after
        ,in_address       => l_address
        ,in_agent         => l_agent
        ,in_request_id    => in_request_id
      );
      insert into audit_log (
         audit_id
        ,logged_at
        ,actor
        ,action
        ,target
        ,outcome
        ,before_value
        ,after_value
        ,address
        ,agent
        ,request_id
        ,previous_hash
        ,row_hash
      ) values (
         l_last.audit_id + 1
        ,l_at
        ,in_actor
        ,in_action
        ,in_target
        ,in_outcome
        ,l_before
        ,l_after
        ,l_address
        ,l_agent
        ,in_request_id
        ,l_previous_hash
        ,l_row_hash
      );
      update audit_head h
         set h.audit_id = l_last.audit_id + 1
            ,h.row_hash = l_row_hash
       where h.head_id = 1;
   end append;

   function first_fault return varchar2 is
      cursor c_entries is
         select a.*
           from audit_log a
          order by a.audit_id;
      l_previous_hash             audit_log.row_hash%type := co_first_hash;
      l_number                    audit_log.audit_id%type := 0;
      l_head                      audit_head%rowtype;
   begin
      -- The head first: entries that come meanwhile are beyond it, and no fault.
      select h.*
        into l_head
        from audit_head h
       where h.head_id = 1;
      for r_entry in c_entries
      loop
         l_number := l_number + 1;
         if r_entry.audit_id <> l_number then
            return 'Entry ' || l_number || ' is missing.';
         elsif r_entry.previous_hash <> l_previous_hash then
            return 'Entry ' || l_number || ' does not follow from the one before.';
         elsif r_entry.row_hash <> row_hash(
            in_previous_hash => r_entry.previous_hash
           ,in_audit_id      => r_entry.audit_id
           ,in_at            => r_entry.logged_at
           ,in_actor         => r_entry.actor
           ,in_action        => r_entry.action
           ,in_target        => r_entry.target
           ,in_outcome       => r_entry.outcome
           ,in_before        => r_entry.before_value
           ,in_after         => r_entry.after_value
           ,in_address       => r_entry.address
           ,in_agent         => r_entry.agent
           ,in_request_id    => r_entry.request_id
         ) then
            return 'Entry ' || l_number || ' was changed.';
         elsif l_number = l_head.audit_id and r_entry.row_hash <> l_head.row_hash then
            return 'Entry ' || l_number || ' is not the one that the head of the chain names.';
         end if;
         l_previous_hash := r_entry.row_hash;
      end loop;
      if l_number < l_head.audit_id then
         return 'Entries after ' || l_number || ' are missing; the last had number ' || l_head.audit_id || '.';
      end if;
      return null;
   end first_fault;
end audit_trail;
/
