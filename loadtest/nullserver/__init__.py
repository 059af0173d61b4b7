"""A server of known truth: it answers at once or on a schedule, and records when it did.

profile   what it pretends to be        plan      when each request is answered (pure)
reply     an answer going out           golden    what the server saw, on disk and back
answers   REST's bytes                  messages  gRPC's bytes
frames    HTTP/2's frames               http, grpc          a client's connection
server    listeners and signals         command   its flags              process, child  its process
"""
