"""The load tester measured by itself against the null server.

check    what was asked for and reached     pairing  client and server side by side
checks   the judgements (pure)              loads    what each of them is read from
runner   servers, clients, verdicts         command  the table
"""
