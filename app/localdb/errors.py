"""ORA- errors of the local database: the exception, and the one table of texts and mappings."""

from __future__ import annotations


class OracleError(Exception):
    """An error the client sees as ORA-nnnnn.

    `offset` is the 0-based position in the statement's text (0 = not known). `message` is the text after
    the code; further lines (a PL/SQL stack: `ORA-06512: at ...`) follow after newlines, complete.
    """

    def __init__(self, code: int, message: str, offset: int = 0) -> None:
        super().__init__(f"ORA-{code:05d}: {message}")
        self.code = code
        self.message = message
        self.offset = offset

    @property
    def text(self) -> str:
        """The text as the server sends it, code included."""
        return f"ORA-{self.code:05d}: {self.message}"
