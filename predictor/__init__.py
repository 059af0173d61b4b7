"""KServe predictor for DeepSeek-R1-Distill-Qwen-1.5B and the Qwen2 family.

Two processes; what each may import is declared in ``.importlinter``:

server process
    ``__main__``     argv and environment -> configuration -> model -> server
    ``server``       REST, gRPC and the process's life, hooked into kserve's ModelServer
    ``model``        LanguageModel(kserve.Model): load, preprocess, predict, postprocess
    ``protocol``     wire form <-> GenerationRequest and Completion
    ``tokenizer``    chat template, text -> token ids; ``output``: token ids -> text
    ``generation``   the values that pass between these
engine process
    ``engine``       scheduler, paged KV cache, CausalLM, sampler; ``engine.client`` is its
                     asyncio side in the server process

``errors`` and ``config`` stand below both; ``demo`` is the embedded model.
"""
