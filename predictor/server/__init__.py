"""What stock kserve lacks, hooked into its ModelServer.

``lifecycle``   addresses, start and stop of REST, gRPC and the engine together
``routes``      REST: infer, generate, generate_stream, metadata, health and metrics
``grpc``        the gRPC service, ModelStreamInfer included
"""
