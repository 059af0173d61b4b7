"""Wire form <-> GenerationRequest, Completion and Delta; no sockets, no model.

``generate``    the generate extension, server-sent events included
``rest``        JSON <-> InferRequest, InferResponse
``grpc``        protobuf <-> InferRequest, InferResponse; ``messages``: its message classes
``v2``          the tensors by name: InferRequest -> GenerationRequests, Completions or a
                Delta -> InferResponse
``prompts``     texts and messages; ``parameters``: sampling options
``tensors``     ids, shapes, datatypes, elements: what REST and gRPC have in common
``json_text``   JSON within limits; ``wording``: how messages spell values
"""
