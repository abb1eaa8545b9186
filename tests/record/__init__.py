"""What a test run did: the statements that reached a database, from every process, and the tests by area."""
