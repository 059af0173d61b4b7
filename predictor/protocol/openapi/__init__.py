"""Our own OpenAPI document: what REST takes and answers, as exactly as JSON Schema allows.

``document``     the routes, their errors, and the document as a whole
``infer``        the tensors of the Open Inference Protocol; ``generate``: the generate extension
``openai``       bodies and answers of the OpenAI API
``options``      the sampling options, their bounds read off GenerationOptions
``json_schema``  the few forms of JSON Schema that the others are made of

What no schema can say stands in descriptions, a sentence each.
"""
