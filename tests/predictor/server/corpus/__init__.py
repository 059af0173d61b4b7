"""Bad input for the running server: tables of cases, one file a theme.

``rest``, ``grpc``    what a case is on each wire, and how one is built
``rest_cases_*``      name -> the bytes of a request, its status, words of its message
``grpc_cases_*``      name -> method and message, its status, words of its message
``options``           values that no sampling option takes, for either wire
``verdicts``          requests that both wires can say, and what is said of them
``connection``        one TCP connection, read response by response
"""
