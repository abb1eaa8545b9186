create or replace package audit_trail authid definer is
   /**
   * The audit trail: who did what, in a chain that shows whether a row was changed or taken out.
   * Nothing here commits: the entry is part of the transaction of the deed.
   */

   /**
   * Adds one entry. Entries of concurrent transactions wait for each other until commit.
   *
   * in_outcome           DONE or REFUSED
   * in_before, in_after  JSON; longer ones are cut
   */
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
   );

   /**
   * The first fault of the chain, as a sentence; null while nobody has tampered. Reads the whole table.
   * Who may write the tables can make the whole chain anew: keep AUDIT_HEAD.ROW_HASH elsewhere from time to time,
   * and look that hash up in AUDIT_LOG.
   */
   function first_fault return varchar2;
end audit_trail;
/
