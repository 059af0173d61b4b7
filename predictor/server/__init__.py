"""What stock kserve lacks, hooked into its ModelServer.

``lifecycle``       addresses, start and stop of REST, gRPC and the engine together
``http``            HTTP's limits and times, before any route; ``flow``: those of its connection
``routes``          REST: infer, generate, generate_stream, metadata, health and metrics
``openai``          the OpenAI API
``answers``         what every route shares; ``bodies``: reading and parsing; ``paths``
``observe``         each HTTP request counted, timed and logged
``grpc``            the gRPC server; ``grpc_calls``: what every call shares
``grpc_inference``  the protocol's service; ``grpc_health`` and ``grpc_reflection``: gRPC's own
"""
