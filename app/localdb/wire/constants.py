"""Numbers of the protocol: packet types, message types, function codes, option bits.

Source: the driver's own definitions (python-oracledb 26.1.0, impl/thin/constants.pxi); names are ours.
"""

from __future__ import annotations

from typing import Final


class Packet:
    CONNECT: Final = 1
    ACCEPT: Final = 2
    REFUSE: Final = 4
    DATA: Final = 6
    MARKER: Final = 12


class DataFlag:
    EOF: Final = 0x0040
    END_OF_REQUEST: Final = 0x0800
    BEGIN_PIPELINE: Final = 0x1000
    END_OF_RESPONSE: Final = 0x2000


class Marker:
    BREAK: Final = 1
    RESET: Final = 2
    INTERRUPT: Final = 3


class Accept:
    VERSION: Final = 319
    FLAG_END_OF_RESPONSE: Final = 0x02000000
    FLAG_FAST_AUTH: Final = 0x10000000
    NO_NETWORK_ENCRYPTION: Final = 0x04


class Message:
    PROTOCOL: Final = 1
    DATA_TYPES: Final = 2
    FUNCTION: Final = 3
    ERROR: Final = 4
    ROW_HEADER: Final = 6
    ROW_DATA: Final = 7
    PARAMETER: Final = 8
    STATUS: Final = 9
    IO_VECTOR: Final = 11
    NOTIFICATION: Final = 13
    LOB_DATA: Final = 14
    DESCRIBE: Final = 16
    PIGGYBACK: Final = 17
    SERVER_PIGGYBACK: Final = 23
    ONE_WAY: Final = 26
    IMPLICIT_RESULT: Final = 27
    END_OF_RESPONSE: Final = 29
    TOKEN: Final = 33
    FAST_AUTH: Final = 34


class Function:
    REEXECUTE: Final = 4
    FETCH: Final = 5
    LOGOFF: Final = 9
    COMMIT: Final = 14
    ROLLBACK: Final = 15
    REEXECUTE_AND_FETCH: Final = 78
    EXECUTE: Final = 94
    LOB: Final = 96
    CLOSE_CURSORS: Final = 105
    CANCEL_CURSORS: Final = 120
    TRANSACTION_SWITCH: Final = 103
    AUTH_PHASE_TWO: Final = 115
    AUTH_PHASE_ONE: Final = 118
    SUBSCRIBE: Final = 125
    DIRECT_PATH_PREPARE: Final = 128
    DIRECT_PATH_STREAM: Final = 129
    DIRECT_PATH_OP: Final = 130
    END_TO_END: Final = 135
    PING: Final = 147
    SET_SCHEMA: Final = 152
    APP_CONTEXT: Final = 154
    SESSION_RELEASE: Final = 163
    SESSION_STATE: Final = 176
    NOTIFY: Final = 187
    PIPELINE_BEGIN: Final = 199
    PIPELINE_END: Final = 200


class FieldVersion:
    """Levels of the TTC field version at which a message gained fields."""

    V12_2: Final = 8
    V12_2_EXT1: Final = 9
    V19_1_EXT1: Final = 13
    V20_1: Final = 14
    V23_1: Final = 17
    V23_1_EXT1: Final = 18  # tokens
    V23_1_EXT3: Final = 20  # annotations
    V23_4: Final = 24  # vectors
    MAX: Final = 24


class Execute:
    """Option bits of function 94."""

    PARSE: Final = 0x01
    BIND: Final = 0x08
    DEFINE: Final = 0x10
    EXECUTE: Final = 0x20
    FETCH: Final = 0x40
    COMMIT: Final = 0x100
    DESCRIBE: Final = 0x20000
    BATCH_ERRORS: Final = 0x80000
    # element 9 of its array
    FLAG_SCROLLABLE: Final = 0x02
    FLAG_DML_ROW_COUNTS: Final = 0x4000
    # second option word of function 4
    REEXECUTE_COMMIT: Final = 0x01


class Scroll:
    CURRENT: Final = 0x01
    FIRST: Final = 0x04
    LAST: Final = 0x08
    ABSOLUTE: Final = 0x20
    RELATIVE: Final = 0x40


class Auth:
    """Mode bits of functions 118 and 115."""

    LOGON: Final = 0x00000001
    CHANGE_PASSWORD: Final = 0x00000002
    WITH_PASSWORD: Final = 0x00000100
    # SYSDBA, SYSOPER, SYSASM, SYSBKP, SYSDGD, SYSKMT, SYSRAC
    ADMINISTRATIVE: Final = 0x20 | 0x40 | 0x400000 | 0x1000000 | 0x2000000 | 0x4000000 | 0x8000000


class LobOp:
    LENGTH: Final = 0x0001
    READ: Final = 0x0002
    TRIM: Final = 0x0020
    WRITE: Final = 0x0040
    CHUNK_SIZE: Final = 0x4000
    CREATE_TEMP: Final = 0x0110
    FREE_TEMP: Final = 0x0111
    OPEN: Final = 0x8000
    CLOSE: Final = 0x10000
    IS_OPEN: Final = 0x11000
    ARRAY: Final = 0x80000


CALL_STATUS_IN_TRANSACTION: Final = 0x02
ERROR_FLAG_COMPILATION: Final = 0x20
BIND_FLAG_ARRAY: Final = 0x40
UDS_FLAG_IS_JSON: Final = 0x100
CHARSET_UTF8: Final = 873
CHARSET_UTF16: Final = 2000
NATIONAL: Final = 2  # character set form of NCHAR types; their data is UTF-16BE
MAX_STRING: Final = 32767  # values declared longer are LONG: they follow all others of a bind row
MAX_SHORT: Final = 252  # longest value with a one-byte length
LONG_LENGTH: Final = 254
NULL_LENGTH: Final = 255
CHUNK: Final = 32767
NO_DATA_FOUND: Final = 1403
CANCELLED: Final = 1013
ARRAY_DML_ERRORS: Final = 24381
