"""Wire form <-> GenerationRequest, Completion and Delta; no sockets, no model.

``generate``    the generate extension, server-sent events included
``openai``      OpenAI's chat completions and completions
``openapi``     what REST takes and answers, as an OpenAPI document
``repository``  the model repository extension's index
``rest``        JSON and binary data <-> InferRequest, InferResponse; ``binary``: which bytes of a
                body are a tensor
``grpc``        protobuf <-> InferRequest, InferResponse; ``messages``: its message classes;
                ``wire``: how much a message would hold; ``triton``: streaming clients' parameters
``v2``          the tensors by name: InferRequest -> GenerationRequests, Completions or a
                Delta -> InferResponse
``prompts``     texts and messages; ``parameters``: sampling options
``tensors``     ids, shapes, datatypes, elements: what REST and gRPC have in common
``raw``         elements <-> bytes, on both wires
``json_text``   JSON within limits; ``wording``: how messages spell values
"""
