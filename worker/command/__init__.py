"""`concord compare A B`: two files or tables compared in this process, with no server. Parts:

`options` and `arguments` (what the command line says), `sides` (what A and B mean), `run` (the comparison, the
output and the exit status: 0 equal, 1 different, 2 an error), `notes` (the sentences below the counts).
"""
