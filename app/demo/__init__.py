"""`concord demo`: the whole product on one machine, with two real tables to compare."""
